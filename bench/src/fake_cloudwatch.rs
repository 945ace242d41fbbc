//! A server on loopback that speaks CloudWatch's protocol over TLS. It answers every GetMetricData
//! with the same points, and every ListMetrics with the pages of one list.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A running server.
pub struct FakeCloudWatch {
    /// Its address.
    pub url: String,
    /// The file with its certificate, for `SSL_CERT_FILE`.
    pub certificate: PathBuf,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    points: Mutex<Arc<Vec<u8>>>,
    /// The pages of the list.
    pages: Mutex<Vec<Arc<Vec<u8>>>>,
    page: AtomicUsize,
    busy: Mutex<Duration>,
}

/// The number of metrics on a page.
const PAGE: usize = 500;

impl FakeCloudWatch {
    /// A server whose certificate is in `folder`.
    pub fn new(folder: &Path) -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]);
        let made = made.expect("a certificate");
        let certificate = folder.join("fake-cloudwatch.pem");
        fs::write(&certificate, made.cert.pem()).expect("the folder can be written to");
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("protocol versions")
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .expect("a key");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let fake = FakeCloudWatch {
            url: format!("https://localhost:{port}"),
            certificate,
            state: Arc::default(),
        };
        fake.list(1);
        let (state, config) = (fake.state.clone(), Arc::new(config));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (state, config) = (state.clone(), config.clone());
                std::thread::spawn(move || converse(stream, config, &state));
            }
        });
        fake
    }

    /// Sets the points of all further answers: epoch milliseconds and values.
    pub fn answer_with(&self, points: impl ExactSizeIterator<Item = (i64, f64)> + Clone) {
        let mut body = vec![0xA1];
        text(&mut body, "MetricDataResults");
        body.extend([0x81, 0xA4]);
        text(&mut body, "Id");
        text(&mut body, "q0");
        text(&mut body, "StatusCode");
        text(&mut body, "Complete");
        text(&mut body, "Timestamps");
        head(&mut body, points.len());
        for (time, _) in points.clone() {
            // Tag 1, a 32-bit number: seconds since 1970.
            body.extend([0xC1, 0x1A]);
            body.extend(u32::try_from(time / 1_000).unwrap_or_default().to_be_bytes());
        }
        text(&mut body, "Values");
        head(&mut body, points.len());
        for (_, value) in points {
            body.push(0xFB);
            body.extend(value.to_be_bytes());
        }
        *self.state.points.lock().expect("no panic") = Arc::new(body);
    }

    /// Sets the list of all further answers: this number of metrics, each of its own host.
    pub fn list(&self, metrics: usize) {
        let numbers: Vec<usize> = (0..metrics).collect();
        let pages = numbers.chunks(PAGE).map(|numbers| {
            let is_last = numbers.last().is_none_or(|last| last + 1 == metrics);
            let mut body = vec![if is_last { 0xA1 } else { 0xA2 }];
            text(&mut body, "Metrics");
            head(&mut body, numbers.len());
            for number in numbers {
                body.push(0xA3);
                text(&mut body, "Namespace");
                text(&mut body, "N");
                text(&mut body, "MetricName");
                text(&mut body, "M");
                text(&mut body, "Dimensions");
                body.extend([0x81, 0xA2]);
                text(&mut body, "Name");
                text(&mut body, "Host");
                text(&mut body, "Value");
                text(&mut body, &format!("i-{number:016x}"));
            }
            if !is_last {
                text(&mut body, "NextToken");
                text(&mut body, &numbers[0].to_string());
            }
            Arc::new(body)
        });
        *self.state.pages.lock().expect("no panic") = pages.collect();
        self.state.page.store(0, Ordering::SeqCst);
    }

    /// Sets the list of all further answers: one page after the other of the largest metrics that
    /// CloudWatch allows, 500 with 30 dimensions of 255 and 1,024 characters. `letter` fills them.
    pub fn list_largest(&self, letter: char) {
        let mut body = vec![0xA2];
        text(&mut body, "NextToken");
        text(&mut body, "more");
        text(&mut body, "Metrics");
        head(&mut body, PAGE);
        for metric in 0..PAGE {
            body.push(0xA3);
            text(&mut body, "Namespace");
            text(&mut body, "N");
            text(&mut body, "MetricName");
            text(&mut body, "M");
            text(&mut body, "Dimensions");
            head(&mut body, 30);
            for dimension in 0..30 {
                body.push(0xA2);
                text(&mut body, "Name");
                text(&mut body, &fill(&format!("d{dimension:03}"), letter, 255));
                text(&mut body, "Value");
                text(&mut body, &fill(&format!("{metric:05}{dimension:03}"), letter, 1_024));
            }
        }
        *self.state.pages.lock().expect("no panic") = vec![Arc::new(body)];
        self.state.page.store(0, Ordering::SeqCst);
    }

    /// Sets the list of all further answers: one page with 5,000 hosts whose names are as long as
    /// allowed and consist of `letter`.
    pub fn list_longest(&self, letter: char) {
        let mut body = vec![0xA1];
        text(&mut body, "Metrics");
        head(&mut body, 5_000);
        for metric in 0..5_000 {
            body.push(0xA3);
            text(&mut body, "Namespace");
            text(&mut body, "N");
            text(&mut body, "MetricName");
            text(&mut body, "M");
            text(&mut body, "Dimensions");
            head(&mut body, 1);
            body.push(0xA2);
            text(&mut body, "Name");
            text(&mut body, "Host");
            text(&mut body, "Value");
            text(&mut body, &fill(&format!("{metric:05}"), letter, 1_024));
        }
        *self.state.pages.lock().expect("no panic") = vec![Arc::new(body)];
        self.state.page.store(0, Ordering::SeqCst);
    }

    /// The CPU time of the server since the last call of this function.
    pub fn busy(&self) -> Duration {
        std::mem::take(&mut *self.state.busy.lock().expect("no panic"))
    }
}

fn text(body: &mut Vec<u8>, text: &str) {
    match u8::try_from(text.len()) {
        Ok(length @ 0..24) => body.push(0x60 + length),
        _ => {
            body.push(0x79);
            body.extend(u16::try_from(text.len()).expect("at most 65,535 bytes").to_be_bytes());
        }
    }
    body.extend(text.bytes());
}

/// A text of this length that begins with `start`.
fn fill(start: &str, letter: char, length: usize) -> String {
    start.chars().chain(std::iter::repeat(letter)).take(length).collect()
}

fn head(body: &mut Vec<u8>, length: usize) {
    body.push(0x9A);
    body.extend(u32::try_from(length).expect("a small number").to_be_bytes());
}

fn converse(stream: TcpStream, config: Arc<ServerConfig>, state: &State) {
    let _ = stream.set_nodelay(true);
    let Ok(connection) = ServerConnection::new(config) else { return };
    let mut stream = BufReader::new(StreamOwned::new(connection, stream));
    let mut counted = Duration::ZERO;
    while let Some(first) = read(&mut stream) {
        let body = if first.contains("ListMetrics") {
            let pages = state.pages.lock().expect("no panic");
            pages[state.page.fetch_add(1, Ordering::SeqCst) % pages.len()].clone()
        } else {
            state.points.lock().expect("no panic").clone()
        };
        let head = format!(
            "HTTP/1.1 200 OK\r\nsmithy-protocol: rpc-v2-cbor\r\nContent-Type: application/cbor\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        // The time of this thread so far, including the handshake.
        let used = used_by_this_thread();
        *state.busy.lock().expect("no panic") += used.saturating_sub(counted);
        counted = used;
        let stream = stream.get_mut();
        if stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body)).is_err() {
            return;
        }
    }
}

fn used_by_this_thread() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = text.split(' ').next().and_then(|nanos| nanos.parse().ok());
    Duration::from_nanos(nanos.unwrap_or_default())
}

/// A request's first line. The body is skipped.
fn read(stream: &mut impl BufRead) -> Option<String> {
    let (mut first, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim().to_ascii_lowercase().split_once(": ") {
            Some(("content-length", value)) => length = value.parse().ok()?,
            None if line.trim().is_empty() => break,
            None => first = line,
            _ => {}
        }
    }
    stream.take(length).read_to_end(&mut Vec::new()).ok()?;
    Some(first)
}
