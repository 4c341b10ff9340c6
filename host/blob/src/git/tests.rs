//! Checkouts from a real git server (`git http-backend`) on loopback.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use artifact::{Artifacts, ErrorClass};
use base64::Engine;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::tests::{artifact, context, drivers, drivers_with};

/// Runs git in a folder as a person would.
fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(folder)
        .args(["-c", "protocol.file.allow=always", "-c", "init.defaultBranch=main"])
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .envs(
            ["AUTHOR", "COMMITTER"]
                .iter()
                .flat_map(|who| [(format!("GIT_{who}_NAME"), "t"), (format!("GIT_{who}_EMAIL"), "t@t")]),
        )
        .output()
        .unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn commit(repo: &Path, file: &str, text: &str) -> String {
    let path = repo.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    git(repo, &["add", "-A"]);
    git(repo, &["commit", "-q", "-m", text]);
    git(repo, &["rev-parse", "HEAD"])
}

/// Repositories below a folder, served over HTTP by git's own program.
struct Server {
    base: String,
    root: PathBuf,
    seen: Arc<Mutex<Vec<String>>>,
    _folder: tempfile::TempDir,
}

impl Server {
    /// `login` is wanted of every request, if any.
    async fn start(login: Option<&'static str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let (root, seen) = (folder.path().to_owned(), Arc::new(Mutex::new(Vec::new())));
        let (served, kept) = (root.clone(), Arc::clone(&seen));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (served, kept) = (served.clone(), Arc::clone(&kept));
                tokio::spawn(async move { one(stream, &served, login, &kept).await });
            }
        });
        Self { base, root, seen, _folder: folder }
    }

    fn repo(&self, name: &str) -> PathBuf {
        let repo = self.root.join(name);
        fs::create_dir_all(&repo).unwrap();
        git(&repo, &["init", "-q"]);
        git(&repo, &["config", "http.receivepack", "false"]);
        repo
    }

    fn url(&self, name: &str) -> String {
        format!("{}/{name}/.git", self.base)
    }
}

async fn one(stream: TcpStream, root: &Path, login: Option<&str>, seen: &Mutex<Vec<String>>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).await.ok()?;
    let (method, target) = {
        let mut words = line.split(' ');
        (words.next()?.to_owned(), words.next()?.to_owned())
    };
    seen.lock().unwrap().push(format!("{method} {target}"));
    let mut headers = std::collections::HashMap::new();
    loop {
        line.clear();
        stream.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let header = |name: &str| headers.get(name).cloned().unwrap_or_default();
    let mut body = vec![0; header("content-length").parse().unwrap_or(0)];
    stream.read_exact(&mut body).await.ok()?;
    let wanted = login.map(|login| format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(login)));
    if wanted.is_some_and(|wanted| wanted != header("authorization")) {
        let answer =
            "HTTP/1.1 401 x\r\nWWW-Authenticate: Basic realm=\"t\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        stream.write_all(answer.as_bytes()).await.ok()?;
        return stream.shutdown().await.ok();
    }
    if let Some(to) = target.strip_prefix("/moved-to/") {
        let answer =
            format!("HTTP/1.1 301 x\r\nLocation: http://{to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        stream.write_all(answer.as_bytes()).await.ok()?;
        return stream.shutdown().await.ok();
    }
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let mut program = tokio::process::Command::new("git")
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("REQUEST_METHOD", &method)
        .env("CONTENT_TYPE", header("content-type"))
        .env("CONTENT_LENGTH", body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", header("content-encoding"))
        .env("GIT_PROTOCOL", header("git-protocol"))
        .env("REMOTE_USER", "t")
        .env("REMOTE_ADDR", "127.0.0.1")
        .env("GIT_CONFIG_COUNT", "1")
        .env("GIT_CONFIG_KEY_0", "safe.directory")
        .env("GIT_CONFIG_VALUE_0", "*")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut stdin = program.stdin.take()?;
    let feed = async move { stdin.write_all(&body).await.ok() };
    let (_, output) = tokio::join!(feed, program.wait_with_output());
    let output = output.ok()?.stdout;
    let end = output.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&output[..end]).into_owned();
    let status = head.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap_or("200 OK").to_owned();
    let others: String =
        head.lines().filter(|line| !line.starts_with("Status: ")).map(|line| format!("{line}\r\n")).collect();
    let body = &output[end + 4..];
    let answer = format!("HTTP/1.1 {status}\r\n{others}Content-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    stream.write_all(answer.as_bytes()).await.ok()?;
    stream.write_all(body).await.ok()?;
    stream.shutdown().await.ok()
}

fn at(repo: &str, mut more: Value) -> model::workflow::Artifact {
    more["repo"] = repo.into();
    artifact(json!({"name": "code", "path": "/src", "git": more}))
}

/// A repository with two branches, a tag and history.
fn sample(server: &Server) -> (PathBuf, String, String) {
    let repo = server.repo("repo");
    let first = commit(&repo, "file", "one");
    git(&repo, &["tag", "v1"]);
    let second = commit(&repo, "sub/file", "two");
    git(&repo, &["checkout", "-q", "-b", "feature/x"]);
    commit(&repo, "file", "three");
    git(&repo, &["checkout", "-q", "main"]);
    (repo, first, second)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn branches_tags_and_commits_are_checked_out() {
    let server = Server::start(None).await;
    let (_, first, second) = sample(&server);
    let folder = tempfile::tempdir().unwrap();
    let (drivers, context) = (drivers(folder.path()), context(&[]));
    let url = server.url("repo");
    let table = [
        ("default", json!({}), "one", Some("main")),
        ("branch", json!({"branch": "feature/x"}), "three", Some("feature/x")),
        ("revision of a branch", json!({"revision": "feature/x"}), "three", Some("feature/x")),
        ("tag", json!({"revision": "v1"}), "one", None),
        ("commit", json!({"revision": first}), "one", None),
        ("short commit", json!({"revision": &first[..10]}), "one", None),
        ("ancestor", json!({"revision": "v1^{commit}"}), "one", None),
        ("one branch", json!({"branch": "feature/x", "singleBranch": true}), "three", Some("feature/x")),
        ("shallow", json!({"depth": 1}), "one", Some("main")),
        ("shallow commit", json!({"depth": 1, "revision": second}), "one", None),
        (
            "a ref besides",
            json!({"fetch": ["refs/heads/feature/x:refs/heads/other"], "revision": "other"}),
            "three",
            None,
        ),
    ];
    for (number, (what, more, text, branch)) in table.into_iter().enumerate() {
        let to = folder.path().join(number.to_string());
        let loaded = drivers
            .load(&context, &at(&url, more.clone()), &to)
            .await
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        assert!(loaded.directory && loaded.bytes > 0, "{what}");
        assert_eq!(fs::read_to_string(to.join("file")).unwrap(), text, "{what}");
        let head = fs::read_to_string(to.join(".git/HEAD")).unwrap();
        assert_eq!(head.trim().strip_prefix("ref: refs/heads/"), branch, "{what}");
        assert_eq!(git(&to, &["status", "--porcelain"]), "", "{what}");
        assert_eq!(git(&to, &["config", "remote.origin.url"]), url);
        if what == "shallow" {
            assert_eq!(git(&to, &["rev-list", "--count", "HEAD"]), "1");
        }
        if what == "one branch" {
            assert!(git(&to, &["branch", "-r"]).ends_with("origin/feature/x"));
        }
        assert!(!to.join(".git/hooks").exists());
    }
    let mut part = at(&url, json!({}));
    part.sub_path = Some("sub".into());
    drivers.load(&context, &part, &folder.path().join("part")).await.unwrap();
    assert_eq!(fs::read_to_string(folder.path().join("part/file")).unwrap(), "two");
    part.sub_path = Some("missing".into());
    assert_eq!(
        drivers.load(&context, &part, &folder.path().join("never")).await.unwrap_err().class,
        ErrorClass::NotFound
    );
    let left: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .filter(|name| name.to_string_lossy().starts_with('.'))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_and_passwords_reach_their_server_alone() {
    let server = Server::start(Some("alice:hunt er%2")).await;
    sample(&server);
    let folder = tempfile::tempdir().unwrap();
    let drivers = drivers(folder.path());
    let context = context(&[("git/user", "alice"), ("git/password", "hunt er%2"), ("git/wrong", "hunter3")]);
    let login = |key: &str| json!({"usernameSecret": {"name": "git", "key": "user"}, "passwordSecret": {"name": "git", "key": key}});
    let to = folder.path().join("to");
    drivers.load(&context, &at(&server.url("repo"), login("password")), &to).await.unwrap();
    let all = String::from_utf8_lossy(
        &Command::new("grep").args(["-r", "hunt", "."]).current_dir(&to).output().unwrap().stdout,
    )
    .into_owned();
    assert_eq!(all, "", "nothing of the password stays in the checkout");
    let in_url = server.url("repo").replace("http://", "http://alice:hunt%20er%252@");
    drivers.load(&context, &at(&in_url, json!({})), &folder.path().join("to2")).await.unwrap();

    for (repo, more) in [
        (server.url("repo"), login("wrong")),
        (server.url("repo"), json!({})),
        (in_url.replace("hunt%20er%252", "hunter3"), json!({})),
    ] {
        let error = drivers.load(&context, &at(&repo, more), &folder.path().join("never")).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Denied, "{error}");
        assert!(!format!("{error:?}").contains("hunt"), "{error:?}");
    }
    // A server that sends callers on to another learns nothing, and neither does the other.
    let thief = Server::start(None).await;
    thief.repo("repo");
    let moved = format!("{}/moved-to/{}/repo/.git", server.base, thief.base.trim_start_matches("http://"));
    let error = drivers.load(&context, &at(&moved, login("password")), &folder.path().join("never")).await;
    assert!(error.is_err());
    assert!(!format!("{error:?}").contains("hunt"), "{error:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn submodules_come_along_unless_told_otherwise() {
    let server = Server::start(None).await;
    let inner = server.repo("group/inner");
    commit(&inner, "deep", "innermost");
    let middle = server.repo("group/middle");
    let old = commit(&middle, "file", "old");
    commit(&middle, "file", "new");
    git(&middle, &["submodule", "add", "-q", &server.url("group/inner"), "libs/inner"]);
    let pinned = commit(&middle, "x", "with submodule");
    commit(&middle, "file", "newest");
    let outer = server.repo("group/outer");
    commit(&outer, "file", "outer");
    git(&outer, &["remote", "add", "origin", &server.url("group/outer")]);
    git(&outer, &["submodule", "add", "-q", "../../middle/.git", "a b"]);
    git(&outer.join("a b"), &["checkout", "-q", &pinned]);
    fs::write(outer.join(".gitmodules"), "[submodule \"a b\"]\n\tpath = a b\n\turl = ../../middle/.git\n").unwrap();
    commit(&outer, "z", "done");
    let folder = tempfile::tempdir().unwrap();
    let (drivers, context) = (drivers(folder.path()), context(&[]));
    let (all, none, shallow) = (folder.path().join("all"), folder.path().join("none"), folder.path().join("shallow"));
    drivers.load(&context, &at(&server.url("group/outer"), json!({})), &all).await.unwrap();
    assert_eq!(fs::read_to_string(all.join("a b/file")).unwrap(), "new");
    assert_eq!(fs::read_to_string(all.join("a b/libs/inner/deep")).unwrap(), "innermost");
    assert_eq!(git(&all, &["status", "--porcelain"]), "");
    drivers.load(&context, &at(&server.url("group/outer"), json!({"depth": 1})), &shallow).await.unwrap();
    assert_eq!(fs::read_to_string(shallow.join("a b/file")).unwrap(), "new");
    drivers.load(&context, &at(&server.url("group/outer"), json!({"disableSubmodules": true})), &none).await.unwrap();
    assert_eq!(fs::read_dir(none.join("a b")).unwrap().count(), 0);
    let _ = old;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_submodules_are_refused() {
    let server = Server::start(None).await;
    let folder = tempfile::tempdir().unwrap();
    let (drivers, context) = (drivers(folder.path()), context(&[]));
    let marker = folder.path().join("marker");
    let touch = format!("touch {}", marker.display());
    let urls = [
        format!("ext::sh -c {}", touch.replace(' ', "% ")),
        format!("-u{touch}"),
        format!("--upload-pack={touch}"),
        format!("ssh://-oProxyCommand={touch}/x"),
        format!("file://{}", server.root.display()),
        server.root.display().to_string(),
        "http://169.254.169.254/x".to_owned(),
        "../../../../../../../etc".to_owned(),
    ];
    for (number, url) in urls.iter().enumerate() {
        let repo = server.repo(&format!("r{number}"));
        let id = commit(&repo, "file", "x");
        let quoted = url.replace('\\', "\\\\").replace('"', "\\\"");
        fs::write(
            repo.join(".gitmodules"),
            format!("[submodule \"s\"]\n\tpath = s\n\turl = \"{quoted}\"\n\tupdate = !{touch}\n"),
        )
        .unwrap();
        git(&repo, &["update-index", "--add", "--cacheinfo", &format!("160000,{id},s")]);
        git(&repo, &["add", ".gitmodules"]);
        git(&repo, &["commit", "-q", "-m", "hostile"]);
        let error = drivers
            .load(&context, &at(&server.url(&format!("r{number}")), json!({})), &folder.path().join("never"))
            .await
            .unwrap_err();
        assert_eq!(error.class, ErrorClass::Permanent, "{url}: {error}");
        assert!(!folder.path().join("never").exists());
        assert!(!marker.exists(), "{url}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_named_in_a_manifest_becomes_an_option_or_a_command() {
    let server = Server::start(None).await;
    sample(&server);
    let folder = tempfile::tempdir().unwrap();
    let (drivers, context) = (drivers(folder.path()), context(&[]));
    let marker = folder.path().join("marker");
    let touch = format!("touch {}", marker.display());
    let url = server.url("repo");
    let mut cases = Vec::new();
    for repo in [
        format!("--upload-pack={touch}"),
        format!("-c core.sshCommand='{touch}'"),
        format!("ext::sh -c '{touch}'"),
        format!("ssh://-oProxyCommand={}/r", touch.replace(' ', "%20")),
        format!("git@-oProxyCommand={touch}:r"),
        format!("git@host:`{touch}`"),
        server.root.join("repo").display().to_string(),
        format!("file://{}", server.root.join("repo").display()),
        format!("{url}\n--upload-pack={touch}"),
    ] {
        cases.push(at(&repo, json!({})));
    }
    for text in [
        format!("--upload-pack={touch}"),
        format!("--output={}", marker.display()),
        "-f".to_owned(),
        format!("$({touch})"),
        format!("main; {touch}"),
        format!("main\n{touch}"),
        "../../../etc/passwd".to_owned(),
        "no-such".to_owned(),
        "0".repeat(40),
    ] {
        cases.push(at(&url, json!({"revision": text})));
        cases.push(at(&url, json!({"branch": text})));
        cases.push(at(&url, json!({"branch": text, "singleBranch": true})));
        cases.push(at(&url, json!({"fetch": [text]})));
    }
    cases.push(at(&url, json!({"singleBranch": true})));
    cases.push(at(&url, json!({"depth": -1})));
    for case in cases {
        let error = drivers.load(&context, &case, &folder.path().join("never")).await;
        let error = error.err().unwrap_or_else(|| panic!("{:?}", case.location.git));
        assert!(matches!(error.class, ErrorClass::Permanent | ErrorClass::NotFound), "{error}");
        assert!(!folder.path().join("never").exists());
        assert!(!marker.exists(), "{:?}", case.location.git);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hooks_filters_and_settings_of_a_repository_do_not_run() {
    let server = Server::start(None).await;
    let repo = server.repo("repo");
    let folder = tempfile::tempdir().unwrap();
    let marker = folder.path().join("marker");
    for hook in ["post-checkout", "post-merge", "reference-transaction"] {
        let path = repo.join("hooks").join(hook);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, format!("#!/bin/sh\ntouch {}\n", marker.display())).unwrap();
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    fs::write(repo.join(".gitattributes"), "* filter=evil diff=evil merge=evil\n").unwrap();
    fs::write(repo.join(".gitconfig"), format!("[filter \"evil\"]\n\tsmudge = touch {}\n", marker.display())).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", repo.join("link")).unwrap();
    commit(&repo, "file", "x");
    let (drivers, context) = (drivers(folder.path()), context(&[]));
    drivers.load(&context, &at(&server.url("repo"), json!({})), &folder.path().join("to")).await.unwrap();
    assert!(!marker.exists());
    // A link is the repository's content; nothing of the server's is read through it.
    let mut part = at(&server.url("repo"), json!({}));
    for sub in ["link", "hooks/../link"] {
        part.sub_path = Some(sub.into());
        assert_eq!(
            drivers.load(&context, &part, &folder.path().join("never")).await.unwrap_err().class,
            ErrorClass::Permanent
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tree_without_end_is_not_checked_out() {
    let server = Server::start(None).await;
    let repo = server.repo("bomb");
    // Ten folders within each other, each holding the next ten times: 10^10 files in a dozen objects.
    let mut object = git(&repo, &["hash-object", "-w", "--stdin"]);
    let mut kind = ("100644", "blob");
    for _ in 0..10 {
        let lines: String = (0..10).map(|number| format!("{} {} {object}\t{number}\n", kind.0, kind.1)).collect();
        let mut child = Command::new("git")
            .current_dir(&repo)
            .args(["mktree"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), lines.as_bytes()).unwrap();
        object = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap().trim().to_owned();
        kind = ("040000", "tree");
    }
    let bomb = git(&repo, &["commit-tree", &object, "-m", "bomb"]);
    git(&repo, &["update-ref", "refs/heads/main", &bomb]);
    let folder = tempfile::tempdir().unwrap();
    let mut drivers = drivers(folder.path());
    drivers.config.unpack.entries_max = 20_000;
    let error = drivers
        .load(&context(&[]), &at(&server.url("bomb"), json!({})), &folder.path().join("never"))
        .await
        .unwrap_err();
    assert!(error.reason.contains("passes the limit entriesMax of 20000"), "{error}");
    assert_eq!(error.class, ErrorClass::Permanent);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_guard_stands_before_every_connection() {
    let server = Server::start(None).await;
    sample(&server);
    let folder = tempfile::tempdir().unwrap();
    let (closed, context) = (drivers_with(folder.path(), json!({})), context(&[]));
    for repo in [
        server.url("repo"),
        "git@127.0.0.1:r".to_owned(),
        "ssh://localhost/r".to_owned(),
        "https://169.254.169.254/r".to_owned(),
    ] {
        let error = closed.load(&context, &at(&repo, json!({})), &folder.path().join("never")).await.unwrap_err();
        assert!(error.reason.contains("refused by the egress policy"), "{error}");
        assert_eq!(error.class, ErrorClass::Permanent);
    }
    assert!(server.seen.lock().unwrap().is_empty());
    // A redirect to where the policy does not permit is cut off by the proxy.
    let open = drivers(&folder.path().join("open"));
    let moved = format!("{}/moved-to/169.254.169.254/repo", server.base);
    let error = open.load(&context, &at(&moved, json!({})), &folder.path().join("never")).await.unwrap_err();
    assert!(error.reason.contains("169.254.169.254 is a link-local or cloud metadata address"), "{error}");
    // What is not there at all.
    let error =
        open.load(&context, &at(&server.url("missing"), json!({})), &folder.path().join("never")).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::NotFound, "{error}");
    for error in [
        open.save(&context, &at(&server.url("repo"), json!({})), folder.path()).await.unwrap_err(),
        open.delete(&context, &at(&server.url("repo"), json!({}))).await.unwrap_err(),
    ] {
        assert!(error.reason.contains("only loaded"), "{error}");
    }
}

/// A program in the place of ssh: notes what it was given and runs the far side here.
const FAKE_SSH: &str = r#"#!/bin/sh
test "$1" = -F || exit 9
cp "$2" "$0.config"
cp "$(dirname "$2")/key" "$0.key" 2>/dev/null
shift 2
printf '%s\n' "$@" > "$0.arguments"
for last; do :; done
exec sh -c "git -c safe.directory='*' ${last#git-}"
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ssh_is_given_its_key_and_one_address() {
    let server = Server::start(None).await;
    let (repo, ..) = sample(&server);
    let folder = tempfile::tempdir().unwrap();
    let fake = folder.path().join("fake-ssh");
    fs::write(&fake, FAKE_SSH).unwrap();
    fs::set_permissions(&fake, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut drivers = drivers(folder.path());
    drivers.ssh_program = fake.display().to_string();
    let context = context(&[("git/key", "the private key")]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let key = json!({"sshPrivateKeySecret": {"name": "git", "key": "key"}});
    let url = format!("ssh://git@localhost:{port}{}/.git", repo.display());
    drivers.load(&context, &at(&url, key.clone()), &folder.path().join("to")).await.unwrap();
    assert_eq!(fs::read_to_string(folder.path().join("to/file")).unwrap(), "one");
    let given = |what: &str| fs::read_to_string(folder.path().join(format!("fake-ssh.{what}"))).unwrap();
    assert_eq!(given("key"), "the private key\n");
    assert!(given("config").contains("Host localhost\n  HostName 127.0.0.1\n"), "{}", given("config"));
    assert!(given("config").contains("Host * !localhost\n  ProxyCommand false\n"));
    assert!(given("arguments").contains(&format!("-p\n{port}\ngit@localhost\n")), "{}", given("arguments"));
    let deaf = testkit::net::DeafPort::take().unwrap();
    let url = format!("ssh://git@localhost:{}{}/.git", deaf.address().unwrap().port(), repo.display());
    let error = drivers.load(&context, &at(&url, key), &folder.path().join("never")).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Transient, "{error}");
}
