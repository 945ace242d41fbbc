//! A server on loopback that speaks CloudWatch's protocol, with a quota, a delay and faults. It
//! computes every value from the caller, the metric and the time, so that a value in a wrong place is
//! noticed.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use minicbor::Decoder;
use minicbor::data::Type;
use serde_json::{Map, Value};

/// How the server behaves.
#[derive(Debug, Clone, Copy)]
pub struct Script {
    /// The time until a response.
    pub delay: Duration,
    /// The calls a second of each caller. What is not used is kept for one second.
    pub quota: f64,
    /// Every so many calls, one fails with status 500, one is throttled, one has a connection that
    /// closes, and one has results that are not finished. 0 for none.
    pub fault_every: u64,
}

/// A running server.
pub struct ScriptedCloudWatch {
    /// Its address.
    pub url: String,
    state: Arc<State>,
}

struct State {
    script: Script,
    counts: Mutex<Counts>,
    quotas: Mutex<HashMap<String, (f64, Instant)>>,
    number: AtomicU64,
}

/// What the server received.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    /// All calls of GetMetricData, also refused ones.
    pub calls: u64,
    /// The calls that it throttled.
    pub throttled: u64,
    /// The queries in the calls that it answered.
    pub queries: u64,
}

/// The value of a metric of a caller at this time in epoch milliseconds.
pub fn value(access_key: &str, metric: &str, time: i64) -> f64 {
    let mut hasher = DefaultHasher::new();
    (access_key, metric, time).hash(&mut hasher);
    // A whole number has one JSON spelling.
    (hasher.finish() % 1_000_000) as f64
}

/// The statistic that the server does not accept.
pub const BAD_STATISTIC: &str = "p25";

impl ScriptedCloudWatch {
    /// A server that follows `script`.
    pub fn new(script: Script) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let state = Arc::new(State {
            script,
            counts: Mutex::default(),
            quotas: Mutex::default(),
            number: AtomicU64::new(0),
        });
        let server =
            ScriptedCloudWatch { url: format!("http://localhost:{port}"), state: state.clone() };
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let state = state.clone();
                std::thread::spawn(move || converse(stream, &state));
            }
        });
        server
    }

    /// What the server received since the last call of this function.
    pub fn counts(&self) -> Counts {
        std::mem::take(&mut *self.state.counts.lock().expect("no panic"))
    }
}

fn converse(stream: TcpStream, state: &State) {
    let _ = stream.set_nodelay(true);
    let mut stream = BufReader::new(stream);
    while let Some((access_key, body)) = read(&mut stream) {
        let Some((status, body)) = respond(state, &access_key, &body) else { return };
        let head = format!(
            "HTTP/1.1 {status} -\r\nsmithy-protocol: rpc-v2-cbor\r\nContent-Type: application/cbor\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        let written = stream.get_mut().write_all(&[head.as_bytes(), &body].concat());
        if written.is_err() {
            return;
        }
    }
}

/// The status and the body; `None` to close the connection.
fn respond(state: &State, access_key: &str, body: &[u8]) -> Option<(u16, Vec<u8>)> {
    let Script { delay, fault_every, .. } = state.script;
    let is_in_quota = take(state, access_key);
    let number = state.number.fetch_add(1, Ordering::Relaxed);
    let request = value_of(&mut Decoder::new(body)).unwrap_or_default();
    let queries = request["MetricDataQueries"].as_array().cloned().unwrap_or_default();
    let fault = number.checked_rem(fault_every).filter(|_| number > 0);
    let is_throttled = !is_in_quota || fault == Some(0);
    {
        let mut counts = state.counts.lock().expect("no panic");
        counts.calls += 1;
        counts.throttled += u64::from(is_throttled);
        counts.queries += if is_throttled { 0 } else { queries.len() as u64 };
    }
    if is_throttled {
        return Some((400, error("Throttling", "Rate exceeded")));
    }
    std::thread::sleep(delay);
    let is_bad = |query: &&Value| query["MetricStat"]["Stat"] == BAD_STATISTIC;
    if let Some(query) = queries.iter().find(is_bad) {
        let text = format!("The statistic of {} is not valid", query["Id"]);
        return Some((400, error("ValidationError", &text)));
    }
    match fault {
        Some(1) => return Some((500, error("InternalServiceFault", "failed"))),
        Some(2) => return None,
        _ => {}
    }
    let millis = |name: &str| (request[name].as_f64().unwrap_or_default() * 1_000.0) as i64;
    let (start, end) = (millis("StartTime"), millis("EndTime"));
    let mut body = vec![0xA1];
    text(&mut body, "MetricDataResults");
    head(&mut body, queries.len());
    for query in &queries {
        let stat = &query["MetricStat"];
        let period = stat["Period"].as_i64().unwrap_or(60) * 1_000;
        let metric = stat["Metric"]["MetricName"].as_str().unwrap_or_default();
        let is_unfinished = fault == Some(3);
        let times: Vec<i64> = (start..end).step_by(period.max(1_000) as usize).collect();
        let times = if is_unfinished { Vec::new() } else { times };
        body.push(0xA4);
        text(&mut body, "Id");
        text(&mut body, query["Id"].as_str().unwrap_or_default());
        text(&mut body, "StatusCode");
        text(&mut body, if is_unfinished { "InternalError" } else { "Complete" });
        text(&mut body, "Timestamps");
        head(&mut body, times.len());
        for time in &times {
            body.extend([0xC1, 0x1A]);
            body.extend(u32::try_from(time / 1_000).unwrap_or_default().to_be_bytes());
        }
        text(&mut body, "Values");
        head(&mut body, times.len());
        for time in &times {
            body.push(0xFB);
            body.extend(value(access_key, metric, *time).to_be_bytes());
        }
    }
    Some((200, body))
}

/// Takes a call from the caller's quota, if there is one left.
fn take(state: &State, access_key: &str) -> bool {
    let quota = state.script.quota;
    let mut quotas = state.quotas.lock().expect("no panic");
    let now = Instant::now();
    let (left, since) = quotas.entry(access_key.to_owned()).or_insert((quota, now));
    *left = (*left + (now - *since).as_secs_f64() * quota).min(quota);
    *since = now;
    let is_in_quota = *left >= 1.0;
    *left -= f64::from(u8::from(is_in_quota));
    is_in_quota
}

fn error(code: &str, message: &str) -> Vec<u8> {
    let mut body = vec![0xA2];
    for part in ["__type", code, "message", message] {
        text(&mut body, part);
    }
    body
}

fn text(body: &mut Vec<u8>, text: &str) {
    body.push(0x79);
    body.extend(u16::try_from(text.len()).expect("at most 65,535 bytes").to_be_bytes());
    body.extend(text.bytes());
}

fn head(body: &mut Vec<u8>, length: usize) {
    body.push(0x9A);
    body.extend(u32::try_from(length).expect("a small number").to_be_bytes());
}

/// CBOR as JSON, without its tags.
fn value_of(decoder: &mut Decoder<'_>) -> Option<Value> {
    Some(match decoder.datatype().ok()? {
        Type::Tag => {
            decoder.tag().ok()?;
            value_of(decoder)?
        }
        Type::Map | Type::MapIndef => {
            let length = decoder.map().ok()?;
            let mut map = Map::new();
            while !is_over(decoder, length, map.len() as u64)? {
                let name = decoder.str().ok()?.to_owned();
                map.insert(name, value_of(decoder)?);
            }
            Value::Object(map)
        }
        Type::Array | Type::ArrayIndef => {
            let length = decoder.array().ok()?;
            let mut items = Vec::new();
            while !is_over(decoder, length, items.len() as u64)? {
                items.push(value_of(decoder)?);
            }
            Value::Array(items)
        }
        Type::String => decoder.str().ok()?.into(),
        Type::F16 | Type::F32 | Type::F64 => decoder.f64().ok()?.into(),
        Type::Bool => decoder.bool().ok()?.into(),
        Type::Null => {
            decoder.null().ok()?;
            Value::Null
        }
        _ => decoder.i64().ok()?.into(),
    })
}

/// Whether a map or an array has all of its members, or ends here.
fn is_over(decoder: &mut Decoder<'_>, length: Option<u64>, members: u64) -> Option<bool> {
    match length {
        Some(length) => Some(members >= length),
        None => {
            let is_over = decoder.datatype().ok()? == Type::Break;
            if is_over {
                decoder.skip().ok()?;
            }
            Some(is_over)
        }
    }
}

/// A call's access key and body.
fn read(stream: &mut impl BufRead) -> Option<(String, Vec<u8>)> {
    let (mut access_key, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim();
        if line.is_empty() {
            break;
        }
        let Some((name, value)) = line.split_once(": ") else { continue };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.parse().ok()?;
        } else if name.eq_ignore_ascii_case("authorization") {
            // AWS4-HMAC-SHA256 Credential=AKIA…/20260101/…
            let credential = value.split_once("Credential=")?.1;
            credential.split('/').next()?.clone_into(&mut access_key);
        }
    }
    let mut body = Vec::new();
    stream.take(length).read_to_end(&mut body).ok()?;
    Some((access_key, body))
}
