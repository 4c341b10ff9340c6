//! A real git server (`git http-backend`) on loopback, with repositories in a folder.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::web::{Answer, Asked, Web};

/// Serves repositories until it is dropped.
#[derive(Debug)]
pub struct GitServer {
    /// What answers, and what it was asked.
    pub web: Web,
    folder: PathBuf,
}

impl GitServer {
    /// Serves the repositories below a folder. With a `login` (`user:password`) every request needs it.
    ///
    /// # Errors
    /// The machine gives no socket.
    pub fn start(folder: &Path, login: Option<&'static str>) -> io::Result<Self> {
        let root = folder.to_owned();
        let web = Web::start(move |asked| {
            let signed_in = login.is_none_or(|login| asked.header("authorization") == basic(login));
            match signed_in {
                true => backend(&root, asked).unwrap_or_else(|_| Answer::status(500)),
                false => Answer::status(401).with("WWW-Authenticate", "Basic realm=\"git\""),
            }
        })?;
        Ok(Self { web, folder: folder.to_owned() })
    }

    /// Makes a repository with one commit of these files; says the commit. One that is there gets another commit.
    ///
    /// # Errors
    /// Git says no, or is not there.
    pub fn commit(&self, name: &str, files: &[(&str, &str)]) -> io::Result<String> {
        let repository = self.folder.join(name);
        if !repository.exists() {
            std::fs::create_dir_all(&repository)?;
            git(&repository, &["init", "--quiet"])?;
        }
        for (path, text) in files {
            let path = repository.join(path);
            std::fs::create_dir_all(path.parent().unwrap_or(&repository))?;
            std::fs::write(path, text)?;
        }
        git(&repository, &["add", "--all"])?;
        git(&repository, &["commit", "--quiet", "--message", "files"])?;
        git(&repository, &["rev-parse", "HEAD"])
    }

    /// Runs git in a repository.
    ///
    /// # Errors
    /// Git says no, or is not there.
    pub fn git(&self, name: &str, arguments: &[&str]) -> io::Result<String> {
        git(&self.folder.join(name), arguments)
    }

    /// Where a repository is cloned from.
    pub fn url(&self, name: &str) -> String {
        format!("{}/{name}/.git", self.web.url())
    }
}

/// As a person would, with nothing of the machine's own settings.
fn git(folder: &Path, arguments: &[&str]) -> io::Result<String> {
    let output = Command::new("git")
        .current_dir(folder)
        .args(["-c", "init.defaultBranch=main", "-c", "user.name=t", "-c", "user.email=t@t"])
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
        false => Err(io::Error::other(format!("git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr)))),
    }
}

fn basic(login: &str) -> String {
    use base64::Engine as _;
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(login))
}

/// What git's own program answers, by the rules of CGI.
fn backend(root: &Path, asked: &Asked) -> io::Result<Answer> {
    let (path, query) = asked.target.split_once('?').unwrap_or((&asked.target, ""));
    let mut program = Command::new("git")
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("REQUEST_METHOD", &asked.method)
        .env("CONTENT_TYPE", asked.header("content-type"))
        .env("CONTENT_LENGTH", asked.body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", asked.header("content-encoding"))
        .env("GIT_PROTOCOL", asked.header("git-protocol"))
        .env("REMOTE_ADDR", "127.0.0.1")
        .env("GIT_CONFIG_COUNT", "1")
        .env("GIT_CONFIG_KEY_0", "safe.directory")
        .env("GIT_CONFIG_VALUE_0", "*")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let (stdin, body) = (program.stdin.take(), asked.body.clone());
    let feed = std::thread::spawn(move || stdin.map(|mut stdin| stdin.write_all(&body)));
    let output = program.wait_with_output()?.stdout;
    let _ = feed.join();
    let end = output.windows(4).position(|bytes| bytes == b"\r\n\r\n").ok_or(io::ErrorKind::InvalidData)?;
    let (head, body) = output.split_at(end);
    let mut answer = Answer::of(body.get(4..).unwrap_or_default());
    for line in String::from_utf8_lossy(head).lines() {
        match line.split_once(": ") {
            Some(("Status", status)) => {
                answer.status = status.split(' ').next().and_then(|code| code.parse().ok()).unwrap_or(500);
            }
            Some((name, value)) => answer = answer.with(name, value),
            None => {}
        }
    }
    Ok(answer)
}
