//! A Lambda function as a local process, driven by a Runtime API on loopback ("Using the Lambda
//! runtime API", Lambda developer guide).

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The timeout of an answer, longer than any answer takes.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// Lambda's time limit for an event.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A running function.
pub struct Function {
    process: Child,
    events: Sender<String>,
    polls: Receiver<Instant>,
    answers: Receiver<(Instant, Vec<u8>)>,
    /// The time from the start of the process to its first request for an event.
    pub started_in: Duration,
}

/// The memory of a process, in KiB.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    /// The maximum so far.
    pub peak: u64,
    /// The current memory.
    pub now: u64,
    /// The current memory without the pages of the binary.
    pub own: u64,
}

impl Memory {
    /// The memory of the process with this id.
    pub(crate) fn of(id: u32) -> Self {
        let status = fs::read_to_string(format!("/proc/{id}/status")).expect("it runs");
        let of = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).expect("a known name");
            line.split_whitespace().nth(1).and_then(|size| size.parse().ok()).expect("a size")
        };
        Memory { peak: of("VmHWM:"), now: of("VmRSS:"), own: of("RssAnon:") }
    }
}

impl Function {
    /// Starts a function and waits until it asks for an event.
    pub fn start(binary: &Path, variables: &[(&str, &str)], share: Option<&Share>) -> Self {
        let command = match share {
            None => Command::new(binary),
            // The process has the share from its first instruction on.
            Some(share) => shell("echo $$ > \"$1\"", binary, &share.members()),
        };
        Self::run(command, variables)
    }

    /// The same with at most this much memory for data, in KiB. Beyond it, allocations fail and
    /// the process ends.
    pub fn start_limited(binary: &Path, variables: &[(&str, &str)], data: u64) -> Self {
        let limit = format!("ulimit -d {data}");
        Self::run(shell(&limit, binary, Path::new("")), variables)
    }

    fn run(mut command: Command, variables: &[(&str, &str)]) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        let (events, to_hand_out) = channel();
        let (polled, polls) = channel();
        let (answered, answers) = channel();
        let to_hand_out = Arc::new(Mutex::new(to_hand_out));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (events, polled, answered) =
                    (to_hand_out.clone(), polled.clone(), answered.clone());
                std::thread::spawn(move || serve(stream, &events, &polled, &answered));
            }
        });
        command
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", &address)
            .env("AWS_LAMBDA_FUNCTION_NAME", "bench")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("AWS_LAMBDA_LOG_LEVEL", "ERROR")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let begun = Instant::now();
        let process = command.spawn().expect("the function starts");
        let polled: Instant = polls.recv_timeout(ANSWER_TIMEOUT).expect("the function polls");
        Function { process, events, polls, answers, started_in: polled - begun }
    }

    /// Sends an event. Returns the answer and the time that it took, once the function asks for
    /// the next event.
    pub fn invoke(&mut self, event: &str) -> (Vec<u8>, Duration) {
        let begun = Instant::now();
        self.events.send(event.to_owned()).expect("the stub runs");
        let (at, answer) = self.answers.recv_timeout(ANSWER_TIMEOUT).expect("the function answers");
        self.polls.recv_timeout(ANSWER_TIMEOUT).expect("the function asks for more");
        (answer, at - begun)
    }

    /// The same, but `None` if the function has ended without an answer.
    pub fn try_invoke(&mut self, event: &str) -> Option<Vec<u8>> {
        self.events.send(event.to_owned()).ok()?;
        let begun = Instant::now();
        while begun.elapsed() < ANSWER_TIMEOUT {
            if let Ok((_, answer)) = self.answers.recv_timeout(Duration::from_millis(20)) {
                self.polls.recv_timeout(ANSWER_TIMEOUT).ok()?;
                return Some(answer);
            }
            if self.process.try_wait().is_ok_and(|status| status.is_some()) {
                return None;
            }
        }
        None
    }

    /// Asks the process to end, and waits for it, so that a profiler around it can finish.
    pub fn stop(mut self) {
        let _ = Command::new("kill").arg(self.process.id().to_string()).status();
        let _ = self.process.wait();
    }

    /// The CPU time of the process.
    pub fn cpu(&self) -> Duration {
        cpu_of(self.process.id())
    }

    /// The memory of the process.
    pub fn memory(&self) -> Memory {
        Memory::of(self.process.id())
    }

    /// The number of open files and connections of the process.
    pub fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.process.id())).expect("it runs").count()
    }
}

/// The CPU time of a process.
pub(crate) fn cpu_of(id: u32) -> Duration {
    let tasks = fs::read_dir(format!("/proc/{id}/task")).expect("it runs");
    tasks
        .filter_map(|task| fs::read_to_string(task.ok()?.path().join("schedstat")).ok())
        .filter_map(|text| text.split(' ').next()?.parse().ok().map(Duration::from_nanos))
        .sum()
}

/// A shell that runs `first` and then becomes the function. `$1` is the argument.
fn shell(first: &str, binary: &Path, argument: &Path) -> Command {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("{first} && exec \"$0\"")).arg(binary).arg(argument);
    shell
}

impl Drop for Function {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Serves the requests of one connection.
fn serve(
    stream: TcpStream,
    events: &Mutex<Receiver<String>>,
    polled: &Sender<Instant>,
    answered: &Sender<(Instant, Vec<u8>)>,
) {
    let _ = stream.set_nodelay(true);
    let mut stream = BufReader::new(stream);
    let mut number = 0_u64;
    while let Some((line, body)) = read(&mut stream) {
        let now = Instant::now();
        let answer = if line.starts_with("GET") {
            if polled.send(now).is_err() {
                return;
            }
            let Ok(events) = events.lock() else { return };
            let Ok(event) = events.recv() else { return };
            number += 1;
            let deadline = SystemTime::now() + TIMEOUT;
            let deadline = deadline.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
            format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\
                 Lambda-Runtime-Aws-Request-Id: {number}\r\n\
                 Lambda-Runtime-Deadline-Ms: {deadline}\r\n\
                 Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:eu-west-1:1:function:bench\r\n\
                 Content-Length: {}\r\n\r\n{event}",
                event.len()
            )
        } else {
            if answered.send((now, body)).is_err() {
                return;
            }
            "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n".to_owned()
        };
        if stream.get_mut().write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// A request's first line and body, with a length or in chunks.
pub(crate) fn read(stream: &mut impl BufRead) -> Option<(String, Vec<u8>)> {
    let line = |stream: &mut dyn BufRead| {
        let mut line = String::new();
        (stream.read_line(&mut line).ok()? > 0).then(|| line.trim().to_ascii_lowercase())
    };
    let mut first = String::new();
    stream.read_line(&mut first).ok().filter(|length| *length > 0)?;
    let (mut length, mut is_chunked) = (0, false);
    loop {
        let header = line(stream)?;
        match header.split_once(": ") {
            Some(("content-length", value)) => length = value.parse().ok()?,
            Some(("transfer-encoding", "chunked")) => is_chunked = true,
            None if header.is_empty() => break,
            _ => {}
        }
    }
    let mut body = Vec::new();
    if !is_chunked {
        stream.take(length).read_to_end(&mut body).ok()?;
        return Some((first, body));
    }
    loop {
        let length = u64::from_str_radix(&line(stream)?, 16).ok()?;
        stream.by_ref().take(length).read_to_end(&mut body).ok()?;
        line(stream)?;
        if length == 0 {
            return Some((first, body));
        }
    }
}

/// A share of a core, as Lambda gives it with the memory: 1,769 MB get a whole core ("Configure
/// Lambda function memory"), in slices of 20 milliseconds.
pub struct Share {
    folder: PathBuf,
}

impl Share {
    /// The share that this memory gets; `None` if this machine cannot limit shares.
    pub fn of_megabytes(megabytes: u64) -> Option<Self> {
        const PERIOD: u64 = 20_000;
        let quota = PERIOD * megabytes / 1_769;
        let name = format!("stackstate-mirror-{}-{megabytes}", std::process::id());
        let root = Path::new("/sys/fs/cgroup");
        let is_unified = root.join("cgroup.controllers").exists();
        let folder = if is_unified { root.join(name) } else { root.join("cpu").join(name) };
        fs::create_dir(&folder).ok()?;
        let share = Share { folder };
        let settings = if is_unified {
            vec![("cpu.max", format!("{quota} {PERIOD}"))]
        } else {
            vec![("cpu.cfs_period_us", PERIOD.to_string()), ("cpu.cfs_quota_us", quota.to_string())]
        };
        for (name, value) in settings {
            fs::write(share.folder.join(name), value).ok()?;
        }
        Some(share)
    }

    fn members(&self) -> PathBuf {
        self.folder.join("cgroup.procs")
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.folder);
    }
}
