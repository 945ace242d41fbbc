//! A CloudWatch and an STS on one port of this machine, which answer as they are told: real
//! connections and the real protocols, for what no client library's mock can do.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// An answer.
#[derive(Clone)]
pub(crate) enum Answer {
    /// A whole one: status, one header line, body.
    Whole(u16, &'static str, Vec<u8>),
    /// One that ends in the middle of its body, with the connection.
    Cut,
    /// The connection is closed instead.
    Closed,
    /// Nothing comes, and the connection stays open.
    Silence,
}

/// The header of CloudWatch's protocol, Smithy RPC v2 CBOR.
pub(crate) const CBOR: &str = "smithy-protocol: rpc-v2-cbor";

/// The header of STS's protocol, AWS query.
pub(crate) const XML: &str = "Content-Type: text/xml";

impl Answer {
    /// An error of CloudWatch's.
    pub(crate) fn refused(status: u16, code: &str, message: &str) -> Self {
        let members = [("__type", text(code)), ("message", text(message))];
        Answer::Whole(status, CBOR, map(&members))
    }

    /// An error of STS's.
    pub(crate) fn refused_by_sts(status: u16, code: &str, message: &str) -> Self {
        let error = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
        let error = format!("<ErrorResponse>{error}</ErrorResponse>");
        Answer::Whole(status, XML, error.into_bytes())
    }

    /// What CloudWatch answers to a call that succeeds: the members of its answer.
    pub(crate) fn good(members: &[(&str, Vec<u8>)]) -> Self {
        Answer::Whole(200, CBOR, map(members))
    }
}

/// A text as CBOR.
pub(crate) fn text(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap().to_be_bytes();
    [&[0x79], &length[..], text.as_bytes()].concat()
}

/// A number as CBOR.
pub(crate) fn number(number: f64) -> Vec<u8> {
    [&[0xFB], &number.to_be_bytes()[..]].concat()
}

/// A time in epoch milliseconds as CBOR.
pub(crate) fn time(millis: i64) -> Vec<u8> {
    [vec![0xC1], number(millis as f64 / 1_000.0)].concat()
}

/// At most 23 items as a CBOR array.
pub(crate) fn list(items: &[Vec<u8>]) -> Vec<u8> {
    [vec![0x80 + u8::try_from(items.len()).unwrap()], items.concat()].concat()
}

/// At most 23 members as a CBOR map.
pub(crate) fn map(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let parts = members.iter().map(|(name, value)| [text(name), value.clone()].concat());
    let count = 0xA0 + u8::try_from(members.len()).unwrap();
    [vec![count], parts.collect::<Vec<_>>().concat()].concat()
}

/// What was asked: the name of the call, and its body.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Asked {
    pub(crate) call: String,
    pub(crate) body: Vec<u8>,
}

/// A peer, which goes on as long as this process.
pub(crate) struct Peer {
    pub(crate) url: String,
    /// What it was asked, in order.
    pub(crate) asked: Arc<Mutex<Vec<Asked>>>,
    /// How many connections it accepted.
    pub(crate) connections: Arc<Mutex<usize>>,
}

impl Peer {
    /// A peer that answers as `answer` says.
    pub(crate) fn new(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = Peer {
            url: format!("http://{}", listener.local_addr().unwrap()),
            asked: Arc::default(),
            connections: Arc::default(),
        };
        let (asked, connections, answer) =
            (peer.asked.clone(), peer.connections.clone(), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                *connections.lock().unwrap() += 1;
                let (asked, answer) = (asked.clone(), answer.clone());
                std::thread::spawn(move || converse(stream.unwrap(), &asked, answer.as_ref()));
            }
        });
        peer
    }

    /// How often a call was asked for.
    pub(crate) fn count(&self, call: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|asked| asked.call == call).count()
    }
}

/// Answers a connection's requests until it ends.
fn converse(stream: TcpStream, asked: &Mutex<Vec<Asked>>, answer: &dyn Fn(&Asked) -> Answer) {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read(&mut stream) {
        asked.lock().unwrap().push(request.clone());
        let written = match answer(&request) {
            Answer::Whole(status, header, body) => {
                let length = body.len();
                let head =
                    format!("HTTP/1.1 {status} -\r\n{header}\r\nContent-Length: {length}\r\n\r\n");
                stream.get_mut().write_all(&[head.into_bytes(), body].concat())
            }
            Answer::Cut => {
                let head = format!("HTTP/1.1 200 -\r\n{CBOR}\r\nContent-Length: 1000\r\n\r\n\u{1}");
                let _ = stream.get_mut().write_all(head.as_bytes());
                return;
            }
            Answer::Closed => return,
            Answer::Silence => Ok(()),
        };
        if written.is_err() {
            return;
        }
    }
}

/// The next request; `None` where the connection has ended.
fn read(stream: &mut BufReader<TcpStream>) -> Option<Asked> {
    let (mut path, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim();
        if path.is_empty() {
            path = line.split(' ').nth(1)?.to_owned();
        } else if line.is_empty() {
            break;
        } else if let Some((name, value)) = line.split_once(": ")
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    let call = match path.rsplit_once("/operation/") {
        Some((_, call)) => call.to_owned(),
        None => "AssumeRole".to_owned(),
    };
    Some(Asked { call, body })
}
