//! `make bench`: compares the release binary with an empty function of the same profile, in turns,
//! in one run. It prints a table, whose ratios can be compared between machines.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use stackstate_mirror_bench::fake_cloudwatch::FakeCloudWatch;
use stackstate_mirror_bench::function::{Function, Share};
use stackstate_mirror_bench::request::{event, keys, metric, status_and_body};

const MINUTE: i64 = 60_000;

/// The number of measurements of which a median is taken.
const ROUNDS: usize = 15;

/// The number of requests in a round.
const REQUESTS: u32 = 200;

/// The programs to compare, and their CloudWatch.
struct Bench {
    empty: PathBuf,
    bare: PathBuf,
    mirror: PathBuf,
    fake: FakeCloudWatch,
    /// The last whole minute, in epoch milliseconds.
    now: i64,
}

fn main() {
    let mut arguments = std::env::args().skip(1).map(PathBuf::from);
    let mirror = arguments.next().expect("the path of the mirror's binary");
    let packages: Vec<PathBuf> = arguments.collect();
    let here = std::env::current_exe().expect("a path");
    // In memory, because there all pages have one size. On a disk, the layout of the file changes
    // how much of it counts as memory of the process.
    let shared = PathBuf::from("/dev/shm");
    let folder = if shared.is_dir() { shared } else { std::env::temp_dir() };
    let folder = folder.join(format!("stackstate-mirror-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    let copy = |path: &Path| {
        let to = folder.join(path.file_name().expect("a file"));
        std::fs::copy(path, &to).expect("a binary to copy");
        to
    };
    let example = |name: &str| copy(&here.with_file_name("examples").join(name));
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock");
    let now = i64::try_from(since.as_millis()).expect("a clock") / MINUTE * MINUTE;
    let bench = Bench {
        empty: example("empty"),
        bare: example("bare"),
        mirror: copy(&mirror),
        fake: FakeCloudWatch::new(&folder),
        now,
    };
    println!("| what | mirror | compared with | ratio |\n|---|---|---|---|");
    bench.starts();
    bench.warm();
    bench.first();
    bench.growth();
    bench.catalogues();
    for path in [&bench.empty, &bench.mirror].into_iter().chain(&packages) {
        let size = std::fs::metadata(path).map_or(0, |file| file.len());
        println!("| size of {} | {size} bytes | | |", short(path));
    }
    let _ = std::fs::remove_dir_all(folder);
}

/// The last two parts of a path.
fn short(path: &Path) -> String {
    let parts: Vec<_> = path.iter().rev().take(2).map(|part| part.to_string_lossy()).collect();
    parts.into_iter().rev().collect::<Vec<_>>().join("/")
}

impl Bench {
    fn start(&self, binary: &Path, share: Option<&Share>) -> Function {
        let certificate = self.fake.certificate.to_string_lossy();
        let variables = [
            ("AWS_ENDPOINT_URL", self.fake.url.as_str()),
            ("SSL_CERT_FILE", &certificate),
            ("AWS_REGION", "eu-west-1"),
        ];
        Function::start(binary, &variables, share)
    }

    /// A CloudWatch query for this number of points. From now on the fake returns them.
    fn cloudwatch(&self, points: i64, is_raw: bool) -> String {
        let start = self.now - points * MINUTE;
        let point = move |index: usize| {
            (start + index as i64 * MINUTE, 10.0 + (index % 997) as f64 * 0.123)
        };
        self.fake.answer_with((0..usize::try_from(points).expect("a small number")).map(point));
        metric(keys(), start, self.now, (!is_raw).then_some(MINUTE))
    }

    fn random(&self, points: i64, is_raw: bool) -> String {
        let details = json!({"seed": 1});
        match is_raw {
            true => metric(details, self.now - points * 50, self.now, None),
            false => metric(details, self.now - points * 1_000, self.now, Some(1_000)),
        }
    }

    fn starts(&self) {
        let (mut empty, mut mirror) = (Vec::new(), Vec::new());
        for _ in 0..2 * ROUNDS {
            empty.push(self.start(&self.empty, None).started_in);
            mirror.push(self.start(&self.mirror, None).started_in);
        }
        row("start to first poll", median(mirror), "empty", median(empty));
    }

    /// CPU and wall time of warm requests, and the memory after them.
    fn warm(&self) {
        let cloudwatch = self.cloudwatch(60, false);
        let test = event("/api/connection", &json!({"connectionDetails": keys()}));
        let random = self.random(50, true);
        let runs = [
            ("empty", &self.empty, &random, ""),
            ("random query of 50 points", &self.mirror, &random, "empty"),
            ("bare GetMetricData of 60 points", &self.bare, &cloudwatch, "empty"),
            (
                "CloudWatch query of 60 points",
                &self.mirror,
                &cloudwatch,
                "bare GetMetricData of 60 points",
            ),
            ("CloudWatch connection test", &self.mirror, &test, "empty"),
        ];
        let mut functions: Vec<Function> =
            runs.iter().map(|(_, binary, _, _)| self.start(binary, None)).collect();
        let mut cpu = vec![Vec::new(); runs.len()];
        let mut wall = vec![Vec::new(); runs.len()];
        for round in 0..=ROUNDS {
            for (index, function) in functions.iter_mut().enumerate() {
                let used = function.cpu();
                let mut walls = Vec::new();
                for _ in 0..REQUESTS {
                    let (answer, took) = function.invoke(runs[index].2);
                    assert_eq!(
                        status_and_body(&answer).0,
                        200,
                        "{}",
                        String::from_utf8_lossy(&answer)
                    );
                    walls.push(took);
                }
                // The first round is not measured.
                if round > 0 {
                    cpu[index].push((function.cpu() - used) / REQUESTS);
                    wall[index].push(median(walls));
                }
            }
        }
        let cpu: Vec<Duration> = cpu.into_iter().map(median).collect();
        let wall: Vec<Duration> = wall.into_iter().map(median).collect();
        let at = |name: &str| runs.iter().position(|run| run.0 == name).expect("a run");
        for (index, (name, _, _, beside)) in runs.iter().enumerate().skip(1) {
            row(&format!("{name}, CPU"), cpu[index], beside, cpu[at(beside)]);
            row(&format!("{name}, wall"), wall[index], beside, wall[at(beside)]);
        }
        drop(functions);
        self.memory(&runs);
    }

    /// The memory of new processes after some hundred requests each.
    fn memory(&self, runs: &[(&str, &PathBuf, &String, &str)]) {
        let mut peaks = vec![Vec::new(); runs.len()];
        let mut own = vec![Vec::new(); runs.len()];
        for _ in 0..ROUNDS {
            for (index, (_, binary, request, _)) in runs.iter().enumerate() {
                let mut function = self.start(binary, None);
                for _ in 0..REQUESTS {
                    function.invoke(request);
                }
                let memory = function.memory();
                peaks[index].push(memory.peak);
                own[index].push(memory.own);
            }
        }
        let [peaks, own] =
            [peaks, own].map(|sizes| sizes.into_iter().map(median).collect::<Vec<u64>>());
        for (index, (name, _, _, _)) in runs.iter().enumerate().skip(1) {
            println!(
                "| memory after {REQUESTS}: {name} | {} KiB, {} of them its own | empty: {} KiB, {} | {:.2} |",
                peaks[index],
                own[index],
                peaks[0],
                own[0],
                peaks[index] as f64 / peaks[0] as f64
            );
        }
    }

    /// The first requests of new processes, at full speed and with Lambda's shares of a core.
    fn first(&self) {
        let cloudwatch = self.cloudwatch(60, false);
        let random = self.random(50, true);
        for megabytes in [None, Some(128), Some(256), Some(512), Some(1_024)] {
            let share = match megabytes {
                None => None,
                Some(megabytes) => match Share::of_megabytes(megabytes) {
                    Some(share) => Some(share),
                    None => {
                        println!(
                            "| first requests at {megabytes} MB | not measured: no cgroup to write to | | |"
                        );
                        continue;
                    }
                },
            };
            let at = megabytes
                .map_or("at full speed".to_owned(), |size| format!("at {size} MB's share"));
            let runs = [
                ("empty", &self.empty, &random),
                ("random query", &self.mirror, &random),
                ("CloudWatch query", &self.mirror, &cloudwatch),
                ("bare GetMetricData", &self.bare, &cloudwatch),
            ];
            let mut wall = vec![Vec::new(); runs.len()];
            let mut cpu = vec![Vec::new(); runs.len()];
            let mut busy = Vec::new();
            for _ in 0..ROUNDS {
                for (index, (name, binary, request)) in runs.iter().enumerate() {
                    let mut function = self.start(binary, share.as_ref());
                    // A cold start waits for the network between init and the first request, so the
                    // share is full again.
                    std::thread::sleep(Duration::from_millis(40));
                    let used = function.cpu();
                    self.fake.busy();
                    let (answer, took) = function.invoke(request);
                    assert_eq!(
                        status_and_body(&answer).0,
                        200,
                        "{}",
                        String::from_utf8_lossy(&answer)
                    );
                    wall[index].push(took);
                    cpu[index].push(function.cpu() - used);
                    if *name == "CloudWatch query" {
                        busy.push(self.fake.busy());
                    }
                }
            }
            let (empty, busy) = (median(wall[0].clone()), median(busy));
            let empty_cpu = median(cpu[0].clone());
            for (index, (name, _, _)) in runs.iter().enumerate().skip(1) {
                row(
                    &format!("first {name} {at}, wall"),
                    median(wall[index].clone()),
                    "empty",
                    empty,
                );
                row(
                    &format!("first {name} {at}, CPU"),
                    median(cpu[index].clone()),
                    "empty",
                    empty_cpu,
                );
            }
            println!(
                "| CPU time of the fake CloudWatch in the first query {at} | {} | | |",
                shown(busy)
            );
        }
    }

    /// CPU and memory of each point, beyond those of the answer itself.
    fn growth(&self) {
        type Query = fn(&Bench, i64, bool) -> String;
        let sources: [(&str, Query, [i64; 4]); 2] = [
            ("random", Bench::random, [100, 1_000, 10_000, 100_000]),
            // The longest series of CloudWatch: the minutes of 15 days.
            ("CloudWatch", Bench::cloudwatch, [100, 1_000, 10_000, 21_000]),
        ];
        for (source, query, counts) in sources {
            for is_raw in [true, false] {
                // A raw query for random data always has 50 points.
                if is_raw && source == "random" {
                    continue;
                }
                let mut least = None;
                for points in counts {
                    let request = query(self, points, is_raw);
                    let mut function = self.start(&self.mirror, None);
                    let (answer, _) = function.invoke(&request);
                    let peak = function.memory().peak;
                    let mut cpu = Vec::new();
                    for _ in 0..9 {
                        let used = function.cpu();
                        function.invoke(&request);
                        cpu.push(function.cpu() - used);
                    }
                    let cpu = median(cpu);
                    let (status, body) = status_and_body(&answer);
                    assert_eq!(status, 200);
                    let found = body["telemetry"]["points"].as_array().map_or(0, Vec::len);
                    assert_eq!(found as i64, points);
                    let (least_cpu, least_peak) = *least.get_or_insert((cpu, peak));
                    let beyond = |all: f64| all / (points - counts[0]).max(1) as f64;
                    let kind = if is_raw { "raw" } else { "aggregated" };
                    println!(
                        "| {found} {kind} points, {source} | {} CPU, {peak} KiB at most, answer {} bytes | {:.0} ns and {:.0} bytes a point more, {:.0} of them the answer's | |",
                        shown(cpu),
                        answer.len(),
                        beyond(cpu.saturating_sub(least_cpu).as_nanos() as f64),
                        beyond(peak.saturating_sub(least_peak) as f64 * 1_024.0),
                        answer.len() as f64 / found.max(1) as f64,
                    );
                }
            }
        }
    }

    /// The time and memory of lists.
    fn catalogues(&self) {
        let field = json!({"fieldName": "Host", "fieldType": "STRING"});
        let namespace = json!({"key": "Namespace", "value": {"value": "N"}});
        let query = json!({"conditions": [namespace], "field": field, "limit": 100,
                           "startTime": 0, "endTime": self.now});
        let request =
            event("/api/field/value", &json!({"connectionDetails": keys(), "query": query}));
        let mut least: Option<u64> = None;
        for metrics in [1_000, 10_000, 100_000] {
            self.fake.list(metrics);
            let mut function = self.start(&self.mirror, None);
            let used = function.cpu();
            let (answer, took) = function.invoke(&request);
            let (status, body) = status_and_body(&answer);
            assert_eq!((status, &body["_type"]), (200, &Value::from("FieldValuesResponse")));
            let (read, memory) = (function.cpu() - used, function.memory());
            let used = function.cpu();
            function.invoke(&request);
            let again = function.cpu() - used;
            let first = *least.get_or_insert(memory.peak);
            println!(
                "| a list of {metrics} metrics | read in {} ({} CPU), asked again {} CPU, {} KiB at most | {:.0} ns and {:.0} bytes a metric | |",
                shown(took),
                shown(read),
                shown(again),
                memory.peak,
                read.as_nanos() as f64 / metrics as f64,
                memory.peak.saturating_sub(first) as f64 * 1_024.0 / metrics as f64,
            );
        }
    }
}

fn row(name: &str, found: Duration, beside: &str, other: Duration) {
    let ratio = found.as_secs_f64() / other.as_secs_f64();
    println!("| {name} | {} | {beside}: {} | {ratio:.2} |", shown(found), shown(other));
}

fn shown(duration: Duration) -> String {
    match duration.as_secs_f64() * 1e6 {
        micros if micros < 1_000.0 => format!("{micros:.0} us"),
        micros => format!("{:.2} ms", micros / 1_000.0),
    }
}

fn median<T: Ord + Copy>(mut found: Vec<T>) -> T {
    found.sort_unstable();
    found[found.len() / 2]
}
