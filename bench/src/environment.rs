//! An execution environment of Lambda: a function as a local process, and a Runtime API on loopback
//! that hands out as many events at once as the process asks for.

use std::collections::HashMap;
use std::io::{BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::function::{Memory, cpu_of, read};

/// Lambda's time limit for an event, as in the SAM template.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A running environment.
pub struct Environment {
    process: Child,
    events: Sender<(u64, String)>,
    pending: Arc<Mutex<HashMap<u64, Sender<Vec<u8>>>>>,
    next: AtomicU64,
}

impl Environment {
    /// Starts a function that serves up to `concurrency` events at once, and waits until it asks
    /// for an event.
    pub fn start(binary: &Path, variables: &[(&str, &str)], concurrency: usize) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        let (events, to_hand_out) = channel();
        let (polled, polls) = channel();
        let to_hand_out = Arc::new(Mutex::new(to_hand_out));
        let pending: Arc<Mutex<HashMap<u64, Sender<Vec<u8>>>>> = Arc::default();
        let answered = pending.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (events, polled, answered) =
                    (to_hand_out.clone(), polled.clone(), answered.clone());
                std::thread::spawn(move || serve(stream, &events, &polled, &answered));
            }
        });
        let mut command = Command::new(binary);
        if concurrency > 1 {
            command.env("AWS_LAMBDA_MAX_CONCURRENCY", concurrency.to_string());
        }
        let process = command
            .env("AWS_LAMBDA_RUNTIME_API", &address)
            .env("AWS_LAMBDA_FUNCTION_NAME", "load")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "2048")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("AWS_LAMBDA_LOG_LEVEL", "ERROR")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the function starts");
        polls.recv_timeout(Duration::from_secs(10)).expect("the function polls");
        Environment { process, events, pending, next: AtomicU64::new(1) }
    }

    /// Sends an event, and waits for the answer.
    pub fn invoke(&self, event: String) -> Option<Vec<u8>> {
        self.send(event).recv_timeout(2 * TIMEOUT).ok()
    }

    /// Sends an event. The receiver gets the answer.
    pub fn send(&self, event: String) -> Receiver<Vec<u8>> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (answer, receiver) = channel();
        self.pending.lock().expect("no panic").insert(id, answer);
        self.events.send((id, event)).expect("the stub runs");
        receiver
    }

    /// The CPU time of the process.
    pub fn cpu(&self) -> Duration {
        cpu_of(self.process.id())
    }

    /// The memory of the process.
    pub fn memory(&self) -> Memory {
        Memory::of(self.process.id())
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Serves the requests of one connection.
fn serve(
    stream: TcpStream,
    events: &Mutex<Receiver<(u64, String)>>,
    polled: &Sender<()>,
    answered: &Mutex<HashMap<u64, Sender<Vec<u8>>>>,
) {
    let _ = stream.set_nodelay(true);
    let mut stream = BufReader::new(stream);
    while let Some((line, body)) = read(&mut stream) {
        let answer = if line.starts_with("GET") {
            let _ = polled.send(());
            let Ok(events) = events.lock() else { return };
            let Ok((id, event)) = events.recv() else { return };
            drop(events);
            let deadline = SystemTime::now() + TIMEOUT;
            let deadline = deadline.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
            format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\
                 Lambda-Runtime-Aws-Request-Id: {id}\r\n\
                 Lambda-Runtime-Deadline-Ms: {deadline}\r\n\
                 Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:eu-west-1:1:function:load\r\n\
                 Content-Length: {}\r\n\r\n{event}",
                event.len()
            )
        } else {
            // POST /2018-06-01/runtime/invocation/ID/response
            let id = line.split('/').rev().nth(2).and_then(|id| id.parse().ok()).unwrap_or(0);
            if let Some(waiting) = answered.lock().expect("no panic").remove(&id) {
                let _ = waiting.send(body);
            }
            "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n".to_owned()
        };
        if stream.get_mut().write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}
