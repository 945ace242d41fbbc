//! `cargo lambda watch` serves the four calls over HTTP, as `make run` does.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

/// The timeout of an answer. The first one waits for the build of the function.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(300);

struct Server {
    port: u16,
    process: Child,
}

impl Server {
    fn start() -> Self {
        let port =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let mut process = Command::new("cargo")
            .args(["lambda", "watch", "--ignore-changes", "-A", "127.0.0.1", "-P"])
            .arg(port.to_string())
            .env("NO_COLOR", "1")
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let mut lines = output.lines().map_while(Result::ok);
        lines
            .find(|line| line.contains("starting Runtime server"))
            .expect("cargo-lambda starts; `make test` puts it on the PATH");
        // It blocks if nothing reads its log.
        std::thread::spawn(move || lines.for_each(drop));
        Server { port, process }
    }

    /// A connection. The server reports its start shortly before it listens.
    fn connect(&mut self) -> TcpStream {
        loop {
            if let Ok(stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)) {
                return stream;
            }
            assert_eq!(self.process.try_wait().unwrap(), None, "cargo-lambda has ended");
            std::thread::yield_now();
        }
    }

    /// The status, the key header and the body of the answer to a POST request.
    fn post(&mut self, path: &str, body: &Value) -> (String, Option<String>, Value) {
        let body = body.to_string();
        let mut stream = self.connect();
        stream.set_read_timeout(Some(ANSWER_TIMEOUT)).unwrap();
        write!(
            stream,
            "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().to_owned();
        let key = head.lines().find_map(|line| line.strip_prefix("x-mirror-api-key: "));
        (status, key.map(str::to_owned), serde_json::from_str(body).unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // On SIGINT, cargo-lambda also stops the function. On SIGKILL it does not.
        let _ = Command::new("kill").args(["-INT", &self.process.id().to_string()]).status();
        let _ = self.process.wait();
    }
}

/// A key is text to `make` and to the shell, whatever it contains.
#[test]
fn a_key_reaches_the_mirror_as_it_is() {
    for key in ["api_key", "a`touch run`b", "a$(touch run)b", "a$b$$c", "a\"b'c;d"] {
        let make = |arguments: &[&str]| {
            let output = Command::new("make")
                .args(["--no-print-directory", "--eval", "print-key: ; @printenv MIRROR_API_KEY"])
                .args(arguments)
                .current_dir(env!("CARGO_MANIFEST_DIR"))
                .env("MIRROR_API_KEY", if arguments.len() > 1 { "another" } else { key })
                .env_remove("MAKEFLAGS")
                .output()
                .unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        let given = format!("MIRROR_API_KEY={key}");
        assert_eq!(make(&["print-key"]), format!("{key}\n"));
        assert_eq!(make(&["print-key", &given]), format!("{key}\n"));
        if key != "api_key" {
            assert!(!make(&["--dry-run", "run"]).contains(key), "no recipe contains it");
        }
    }
}

#[test]
fn cargo_lambda_serves_the_four_calls() {
    let mut server = Server::start();
    let range = json!({"startTime": 1_504_400_400_000_i64, "endTime": 1_504_411_200_000_i64});
    let mut values = range.clone();
    values["field"] = json!({"fieldName": "field1", "fieldType": "STRING"});
    for (path, query, kind) in [
        ("/api/connection", Value::Null, "TestConnectionResponse"),
        ("//api/field/name", range.clone(), "FieldNamesResponse"),
        ("/api/field/value", values, "FieldValuesResponse"),
        ("/api/metric", range, "MetricsResponse"),
    ] {
        let (status, key, body) =
            server.post(path, &json!({"connectionDetails": {}, "query": query}));
        assert_eq!((status.as_str(), key.as_deref()), ("200", Some("api_key")), "{path}");
        assert_eq!(body["_type"], kind, "{path}");
    }
    let (status, _, body) = server.post("/api/metric", &json!({"connectionDetails": {}}));
    assert_eq!((status.as_str(), &body["_type"]), ("500", &json!("RemoteMirrorError")));
}
