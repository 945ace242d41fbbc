//! The function as a process of its own: what depends on the environment of the whole process.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

mod support;

use support::events::{Reply, event};
use support::wire_fake::{CBOR, Response, list, map, number, text, time};

/// The function as a process, with these environment variables.
fn function(runtime: &TcpListener, variables: &[(&str, &OsStr)]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_stackstate-mirror"))
        .env_clear()
        .env("AWS_LAMBDA_RUNTIME_API", runtime.local_addr().unwrap().to_string())
        .env("AWS_LAMBDA_FUNCTION_NAME", "mirror")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// A request's first line and body, of a length or in chunks.
fn read(stream: &mut impl BufRead) -> Option<(String, Vec<u8>)> {
    let line = |stream: &mut dyn BufRead| {
        let mut line = String::new();
        (stream.read_line(&mut line).ok()? > 0).then(|| line.trim().to_owned())
    };
    let first = line(stream)?;
    let (mut length, mut is_chunked) = (0, false);
    loop {
        let header = line(stream)?.to_ascii_lowercase();
        match header.split_once(": ") {
            Some(("content-length", value)) => length = value.parse().ok()?,
            Some(("transfer-encoding", "chunked")) => is_chunked = true,
            None if header.is_empty() => break,
            _ => {}
        }
    }
    let mut body = Vec::new();
    while is_chunked {
        let length = u64::from_str_radix(&line(stream)?, 16).ok()?;
        stream.take(length).read_to_end(&mut body).ok()?;
        line(stream)?;
        is_chunked = length > 0;
    }
    stream.take(length).read_to_end(&mut body).ok()?;
    Some((first, body))
}

/// Hands out one event, and returns the function's answer to it ("Using the Lambda runtime API",
/// Lambda developer guide).
fn answer(runtime: &TcpListener, event: &Value) -> Value {
    let mut handed_out = false;
    loop {
        let mut stream = BufReader::new(runtime.accept().unwrap().0);
        while let Some((line, body)) = read(&mut stream) {
            if line.starts_with("POST") {
                return serde_json::from_slice(&body).unwrap();
            }
            if std::mem::replace(&mut handed_out, true) {
                break;
            }
            hand_out(stream.get_mut(), event);
        }
    }
}

fn hand_out(stream: &mut TcpStream, event: &Value) {
    let event = event.to_string();
    let deadline = "4000000000000";
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: 1\r\n\
         Lambda-Runtime-Deadline-Ms: {deadline}\r\n\
         Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:eu-west-1:1:function:mirror\r\n\
         Content-Length: {}\r\n\r\n{event}",
        event.len()
    )
    .unwrap();
}

const MINUTE: i64 = 60_000;

/// A server that answers every call with one point. Its certificate is `shown`, or else one of its own,
/// which is written to a file.
fn tls_server(certificate: &Path, shown: Option<CertificateDer<'static>>, point: i64) -> String {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    if shown.is_none() {
        std::fs::write(certificate, made.cert.pem()).unwrap();
    }
    let shown = shown.unwrap_or_else(|| made.cert.der().clone());
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = provider.key_provider.load_private_key(key).unwrap();
    // Unlike `with_single_cert`, this takes a certificate of another key: a client looks at it first.
    let shown = SingleCertAndKey::from(CertifiedKey::new(vec![shown], key));
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(shown));
    let (config, listener) = (Arc::new(config), TcpListener::bind("127.0.0.1:0").unwrap());
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let result = map(&[
        ("Id", text("q0")),
        ("StatusCode", text("Complete")),
        ("Timestamps", list(&[time(point)])),
        ("Values", list(&[number(1.5)])),
    ]);
    let Response::Complete(_, _, body) = Response::ok(&[("MetricDataResults", list(&[result]))])
    else {
        unreachable!()
    };
    let head = format!("HTTP/1.1 200 OK\r\n{CBOR}\r\nContent-Length: {}\r\n\r\n", body.len());
    let response = [head.into_bytes(), body].concat();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = ServerConnection::new(config.clone()).unwrap();
            let stream: StreamOwned<ServerConnection, TcpStream> =
                StreamOwned::new(connection, stream.unwrap());
            let mut stream = BufReader::new(stream);
            while read(&mut stream).is_some() {
                let _ = stream.get_mut().write_all(&response);
            }
        }
    });
    url
}

/// A certificate that `SSL_CERT_FILE` names is trusted, and only that. One whose authority has an
/// algorithm that the mirror cannot check is not, and the error says so.
#[test]
fn a_certificate_of_a_configured_authority_is_trusted() {
    let folder = std::env::temp_dir().join(format!("mirror-process-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (trusted, other) = (folder.join("trusted.pem"), folder.join("other.pem"));
    // The process has the real clock. An hour ago, CloudWatch has periods of a minute.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let point = (i64::try_from(now).unwrap() / MINUTE - 60) * MINUTE;
    let url = tls_server(&trusted, None, point);
    tls_server(&other, None, point);
    let p521 = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/p521");
    let signed = CertificateDer::from_pem_file(p521.join("leaf.pem")).unwrap();
    let (authority, p521) = (p521.join("ca.pem"), tls_server(&other, Some(signed), point));
    let body = json!({
        "connectionDetails": {
            "source": "cloudwatch", "region": "eu-west-1", "accessKeyId": "a", "secretAccessKey": "b",
        },
        "query": {
            "conditions": [{"key": "Namespace", "value": {"value": "N"}}], "metricField": "M",
            "startTime": point, "endTime": point + MINUTE,
            "aggregation": {"method": "MAX", "bucketSizeMillis": MINUTE},
        },
    });
    let unknown = "the mirror cannot check the certificate of CloudWatch in eu-west-1, because it or its \
                   authority uses ECDSA with SHA-512; expected RSA of 2048 bits";
    for (url, certificate, status, words) in [
        (&url, &trusted, 200, format!("[1.5,{point},{}]", point + MINUTE)),
        (&url, &other, 500, "does not trust the certificate of CloudWatch".to_owned()),
        (&p521, &authority, 500, unknown.to_owned()),
    ] {
        let runtime = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = OsStr::new(&url);
        let variables = [("AWS_ENDPOINT_URL", url), ("SSL_CERT_FILE", certificate.as_os_str())];
        let mut process = function(&runtime, &variables);
        let answer = answer(&runtime, &event("POST", "/api/metric", body.to_string()));
        let reply = Reply::of(&answer);
        assert_eq!(reply.status, status, "{answer}");
        assert!(reply.body.to_string().contains(&words), "{answer}");
        assert!(!reply.body.to_string().contains("[6, "), "no bytes: {answer}");
        let _ = process.kill();
        let _ = process.wait();
    }
    let _ = std::fs::remove_dir_all(&folder);
}

/// A mirror that took an unreadable token for none would let everybody in.
#[test]
fn a_variable_that_is_no_text_stops_the_start() {
    for (variable, value, starts) in [
        ("MIRROR_API_KEY", vec![0xFF], false),
        ("MIRROR_ACCESS_TOKEN", vec![0xFF], false),
        ("MIRROR_ALLOWED_CIDRS", vec![0xFF], false),
        ("MIRROR_ACCESS", vec![0xFF], false),
        ("MIRROR_ACCESS", b"opne".to_vec(), false),
        ("AWS_USE_FIPS_ENDPOINT", b"1".to_vec(), false),
        ("AWS_USE_FIPS_ENDPOINT", b"true".to_vec(), true),
        ("MIRROR_ALLOWED_CIDRS", b"203.0.113.0/99".to_vec(), false),
        ("MIRROR_ALLOWED_CIDRS", b" ".to_vec(), false),
        ("HTTPS_PROXY", b"http://svc:P@ssw0rd@127.0.0.1:1".to_vec(), false),
        ("HTTPS_PROXY", b"http://svc:P%40ssw0rd@127.0.0.1:1".to_vec(), true),
        ("MIRROR_ALLOWED_CIDRS", b"203.0.113.0/24".to_vec(), true),
        ("ANOTHER", vec![0xFF], true),
    ] {
        let runtime = TcpListener::bind("127.0.0.1:0").unwrap();
        runtime.set_nonblocking(true).unwrap();
        let mut process = function(&runtime, &[(variable, &OsString::from_vec(value.clone()))]);
        let begun = Instant::now();
        let has_started = loop {
            if runtime.accept().is_ok() {
                break true;
            }
            if let Some(status) = process.try_wait().unwrap() {
                assert!(!status.success(), "{variable} {value:?}");
                break false;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "{variable} {value:?}");
            std::thread::yield_now();
        };
        assert_eq!(has_started, starts, "{variable} {value:?}");
        let _ = process.kill();
        let _ = process.wait();
    }
}

/// `cargo lambda watch` closes it if the caller has left, and does not start the function again.
#[test]
fn a_connection_that_closes_under_an_answer_ends_a_deployed_function_only() {
    let large = json!({
        "connectionDetails": {},
        "query": {
            "startTime": 0, "endTime": 100_000 * MINUTE,
            "aggregation": {"method": "MAX", "bucketSizeMillis": MINUTE},
        },
    });
    let deployed = [
        ("AWS_LAMBDA_INITIALIZATION_TYPE", OsStr::new("on-demand")),
        ("MIRROR_ACCESS", OsStr::new("open")),
    ];
    for (variables, goes_on) in [(&[][..], true), (&deployed, false)] {
        let runtime = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut process = function(&runtime, variables);
        let mut stream = BufReader::new(runtime.accept().unwrap().0);
        read(&mut stream).unwrap();
        hand_out(stream.get_mut(), &event("POST", "/api/metric", large.to_string()));
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        assert!(line.starts_with("POST"), "{line}");
        drop(stream);
        if goes_on {
            let answer = answer(&runtime, &event("GET", "/", ""));
            assert_eq!(Reply::of(&answer).status, 200);
            let _ = process.kill();
        } else {
            assert!(!process.wait().unwrap().success());
        }
        let _ = process.wait();
    }
}

/// Lambda hands a managed instance's process as many events at once as it asks for ("Lambda Managed
/// Instances", Lambda developer guide).
#[test]
fn a_function_asks_for_as_many_events_as_lambda_allows() {
    const AT_ONCE: usize = 3;
    let runtime = TcpListener::bind("127.0.0.1:0").unwrap();
    let variables = [("AWS_LAMBDA_MAX_CONCURRENCY", OsStr::new("3"))];
    let mut process = function(&runtime, &variables);
    // All ask before one is answered.
    let mut streams: Vec<_> = (0..AT_ONCE)
        .map(|_| {
            let mut stream = BufReader::new(runtime.accept().unwrap().0);
            let (line, _) = read(&mut stream).unwrap();
            assert!(line.starts_with("GET /2018-06-01/runtime/invocation/next"), "{line}");
            stream
        })
        .collect();
    for stream in &mut streams {
        hand_out(stream.get_mut(), &event("GET", "/", ""));
    }
    for stream in &mut streams {
        let (line, body) = read(stream).unwrap();
        assert!(line.starts_with("POST") && line.contains("/response"), "{line}");
        assert_eq!(Reply::of(&serde_json::from_slice(&body).unwrap()).status, 200);
    }
    let _ = process.kill();
    let _ = process.wait();
}

/// Whoever invokes the function with something else learns what is expected, and nothing is quoted.
#[test]
fn an_event_that_is_no_http_request_has_an_error() {
    for event in [json!({"source": "aws.events"}), json!({"requestContext": "SECRET"})] {
        let runtime = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut process = function(&runtime, &[]);
        let text = answer(&runtime, &event).to_string();
        assert!(text.contains("this event is no HTTP request; expected an event of"), "{text}");
        assert!(!text.contains("SECRET"), "{text}");
        let _ = process.kill();
        let _ = process.wait();
    }
}

/// Lambda stops the process then, but nothing else does.
#[test]
fn a_function_whose_runtime_api_is_gone_ends() {
    for at_once in ["1", "3"] {
        let runtime = TcpListener::bind("127.0.0.1:0").unwrap();
        let variables = [("AWS_LAMBDA_MAX_CONCURRENCY", OsStr::new(at_once))];
        let mut process = function(&runtime, &variables);
        let mut stream = BufReader::new(runtime.accept().unwrap().0);
        read(&mut stream).unwrap();
        drop((stream, runtime));
        assert!(!process.wait().unwrap().success(), "{at_once} at once");
    }
}
