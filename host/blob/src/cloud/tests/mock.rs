//! A mock of OSS: the requests of its documented protocol that the driver makes, over objects in memory. There is no OSS server to run.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::{Config, Drivers, Retry};

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Vec<u8>>,
    uploads: HashMap<String, BTreeMap<u32, Vec<u8>>>,
    unsigned: Vec<String>,
    made: usize,
}

/// A running mock.
pub(super) struct Oss {
    /// Scheme, host and port.
    pub(super) endpoint: String,
    state: Arc<Mutex<State>>,
    failing: Arc<AtomicUsize>,
}

/// Every name is this machine.
struct Here;

#[async_trait]
impl egress::Resolve for Here {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        Ok(vec!["127.0.0.1".parse().unwrap()])
    }
}

struct Request {
    method: String,
    key: String,
    query: BTreeMap<String, String>,
    headers: HashMap<String, String>,
    body: Vec<u8>,
}

impl Oss {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://oss.test:{}", listener.local_addr().unwrap().port());
        let (state, failing) = (Arc::new(Mutex::new(State::default())), Arc::new(AtomicUsize::new(0)));
        let (kept, fails) = (Arc::clone(&state), Arc::clone(&failing));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (kept, fails) = (Arc::clone(&kept), Arc::clone(&fails));
                tokio::spawn(async move { serve(stream, &kept, &fails).await });
            }
        });
        Self { endpoint, state, failing }
    }

    /// Drivers for which every name is this machine.
    pub(super) fn drivers(&self, folder: &Path) -> Drivers {
        let policy = egress::Policy::new(
            serde_json::from_str(r#"{"allow": ["http://*.oss.test"], "allowPrivate": true}"#).unwrap(),
        );
        let config = Config {
            directory: folder.join("artifacts"),
            retry: Retry { attempts_max: 4, first_ms: 1, ..Retry::default() },
            ..Config::default()
        };
        Drivers::new(config, egress::Guard::with_resolver(policy, Arc::new(Here))).unwrap()
    }

    /// The next requests are answered with 503.
    pub(super) fn fail_next(&self, count: usize) {
        self.failing.store(count, Ordering::SeqCst);
    }

    pub(super) fn open_uploads(&self) -> usize {
        self.state.lock().unwrap().uploads.len()
    }

    pub(super) fn unsigned(&self) -> Vec<String> {
        self.state.lock().unwrap().unsigned.clone()
    }
}

fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok()?;
    let mut words = line.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let query = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect();
    let key = percent_encoding::percent_decode_str(path.trim_start_matches('/')).decode_utf8_lossy().into_owned();
    let mut headers = HashMap::new();
    loop {
        line.clear();
        stream.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let mut body = vec![0; headers.get("content-length").map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).await.ok()?;
    Some(Request { method, key, query, headers, body })
}

async fn serve(stream: TcpStream, state: &Mutex<State>, failing: &AtomicUsize) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let request = read(&mut stream).await?;
        let failed = failing.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        let (status, headers, body) = if failed {
            (503, String::new(), error("ServiceUnavailable"))
        } else {
            state.lock().unwrap().answer(&request)
        };
        let length = headers.strip_prefix("Length: ").map_or_else(
            || format!("Content-Length: {}\r\n", body.len()),
            |length| format!("Content-Length: {length}\r\n"),
        );
        let headers = if headers.starts_with("Length: ") { String::new() } else { headers };
        let head = format!(
            "HTTP/1.1 {status} x\r\n{headers}{length}ETag: \"tag\"\r\nLast-Modified: Mon, 01 Jan 2024 00:00:00 GMT\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.ok()?;
        if request.method != "HEAD" {
            stream.write_all(&body).await.ok()?;
        }
    }
}

type Answer = (u16, String, Vec<u8>);

fn error(code: &str) -> Vec<u8> {
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>{code}</Message><RequestId>1</RequestId><HostId>h</HostId></Error>").into_bytes()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

impl State {
    fn answer(&mut self, request: &Request) -> Answer {
        if !request.headers.get("authorization").is_some_and(|value| value.starts_with("OSS")) {
            self.unsigned.push(format!("{} {}", request.method, request.key));
        }
        let has = |name: &str| request.query.contains_key(name);
        let upload = request.query.get("uploadId").cloned().unwrap_or_default();
        match request.method.as_str() {
            "POST" if has("delete") => self.delete(request),
            "POST" if has("uploads") => {
                self.made += 1;
                let id = format!("upload-{}", self.made);
                self.uploads.insert(id.clone(), BTreeMap::new());
                let xml = format!(
                    "<InitiateMultipartUploadResult><Bucket>bucket</Bucket><Key>{}</Key><UploadId>{id}</UploadId></InitiateMultipartUploadResult>",
                    escaped(&request.key)
                );
                (200, String::new(), xml.into_bytes())
            }
            "PUT" if has("partNumber") => match self.uploads.get_mut(&upload) {
                Some(parts) => {
                    parts.insert(request.query["partNumber"].parse().unwrap(), request.body.clone());
                    (200, String::new(), Vec::new())
                }
                None => (404, String::new(), error("NoSuchUpload")),
            },
            "POST" if has("uploadId") => match self.uploads.remove(&upload) {
                Some(parts) => {
                    self.objects.insert(request.key.clone(), parts.into_values().flatten().collect());
                    (200, String::new(), b"<CompleteMultipartUploadResult><Bucket>bucket</Bucket><Key>k</Key><ETag>\"tag\"</ETag></CompleteMultipartUploadResult>".to_vec())
                }
                None => (404, String::new(), error("NoSuchUpload")),
            },
            "DELETE" if has("uploadId") => {
                self.uploads.remove(&upload);
                (204, String::new(), Vec::new())
            }
            "GET" if request.key.is_empty() => self.list(request),
            "PUT" => {
                self.objects.insert(request.key.clone(), request.body.clone());
                (200, String::new(), Vec::new())
            }
            "DELETE" => {
                self.objects.remove(&request.key);
                (204, String::new(), Vec::new())
            }
            _ => self.get(request),
        }
    }

    fn get(&self, request: &Request) -> Answer {
        let Some(object) = self.objects.get(&request.key) else { return (404, String::new(), error("NoSuchKey")) };
        if request.method == "HEAD" {
            return (200, format!("Length: {}", object.len()), Vec::new());
        }
        let range = request
            .headers
            .get("range")
            .and_then(|range| range.strip_prefix("bytes="))
            .and_then(|range| range.split_once('-'));
        match range {
            Some((from, to)) => {
                let from: usize = from.parse().unwrap();
                let to = to.parse::<usize>().map_or(object.len(), |to| (to + 1).min(object.len()));
                if from >= object.len() {
                    return (416, String::new(), error("InvalidRange"));
                }
                (206, format!("Content-Range: bytes {from}-{}/{}\r\n", to - 1, object.len()), object[from..to].to_vec())
            }
            None => (200, String::new(), object.clone()),
        }
    }

    fn list(&self, request: &Request) -> Answer {
        let prefix = request.query.get("prefix").cloned().unwrap_or_default();
        let after =
            request.query.get("continuation-token").or(request.query.get("start-after")).cloned().unwrap_or_default();
        let most = 2;
        let found: Vec<_> =
            self.objects.iter().filter(|(key, _)| key.starts_with(&prefix) && **key > after).take(most + 1).collect();
        let more = found.len() > most;
        let contents: String = found
            .iter()
            .take(most)
            .map(|(key, object)| {
                format!("<Contents><Key>{}</Key><LastModified>2024-01-01T00:00:00.000Z</LastModified><ETag>\"tag\"</ETag><Type>Normal</Type><Size>{}</Size><StorageClass>Standard</StorageClass></Contents>", escaped(key), object.len())
            })
            .collect();
        let next = if more {
            format!("<NextContinuationToken>{}</NextContinuationToken>", escaped(found[most - 1].0))
        } else {
            String::new()
        };
        let xml = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListBucketResult><Name>bucket</Name><Prefix>{}</Prefix><MaxKeys>{most}</MaxKeys><IsTruncated>{more}</IsTruncated>{contents}{next}<KeyCount>{}</KeyCount></ListBucketResult>",
            escaped(&prefix),
            found.len().min(most)
        );
        (200, String::new(), xml.into_bytes())
    }

    fn delete(&mut self, request: &Request) -> Answer {
        let text = String::from_utf8_lossy(&request.body).into_owned();
        for key in text.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next()) {
            self.objects.remove(&key.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"));
        }
        (200, String::new(), b"<DeleteResult></DeleteResult>".to_vec())
    }
}
