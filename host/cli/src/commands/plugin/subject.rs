//! What `plugin test` and `plugin bench` share: the component, its configuration, what it is granted.

use std::collections::BTreeMap;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use plugin::Kind;
use plugin_check::{Grant, Input, Order, Tape};
use serde_json::Value;

use crate::context::Context;
use crate::error::{CliError, CliResult};
use crate::input;
use crate::support::documents;

/// The component, and what its calls are given.
#[derive(Debug, Args)]
pub(super) struct Subject {
    /// The component; - for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// A configuration that works, in YAML or JSON: a file, a URL, - for standard input, or the text itself [default: {}, if the schema takes it]
    #[arg(short = 'f', long = "filename", value_name = "FILE|JSON")]
    filename: Option<String>,

    /// Kind to take it as, such as metric-provider [default: the only one that it is of]
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,

    /// What the calls are given: parameters and artifacts of a step, payload of a trigger, request of a receiver, files and path of a renderer; as -f
    #[arg(long, value_name = "FILE|JSON")]
    input: Option<String>,

    /// Grant it http=HOST, endpoint=tcp://HOST:PORT, state, blobs, lookup, secret=NAME, secret=NAME@FILE with the value in a file, reveal=NAME, files=FOLDER, files=FOLDER:MOUNT or files=FOLDER:MOUNT:rw; may be repeated
    #[arg(long, value_name = "GRANT")]
    grant: Vec<String>,

    /// Answer its requests from this recording
    #[arg(long, value_name = "FILE")]
    replay: Option<PathBuf>,

    /// Memory of an instance, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1024))]
    memory: u32,
}

impl Subject {
    /// How the host is set up.
    pub(super) async fn order(&self, cache: Option<PathBuf>) -> CliResult<Order> {
        let (_, secrets) = self.grants()?;
        let component = input::read_bytes(&self.file).await?;
        let memory_bytes_max = (self.memory as usize) << 20;
        Ok(Order { component: component.to_vec().into(), cache, memory_bytes_max, secrets, ..Order::default() })
    }

    /// What is granted, and where values of secrets are.
    pub(super) fn grants(&self) -> CliResult<(Vec<Grant>, BTreeMap<String, PathBuf>)> {
        let (mut grants, mut files) = (Vec::new(), BTreeMap::new());
        for text in &self.grant {
            let (word, rest) = text.split_once('=').unwrap_or((text, ""));
            grants.push(match (word, rest) {
                ("http", host) if !host.is_empty() => Grant::Http(host.to_owned()),
                ("endpoint", address) if !address.is_empty() => Grant::Endpoint(address.to_owned()),
                ("state", "") => Grant::State,
                ("blobs", "") => Grant::Blobs,
                ("lookup", "") => Grant::Lookup,
                ("secret", named) if !named.is_empty() => {
                    let (name, file) = named.split_once('@').map_or((named, None), |(name, file)| (name, Some(file)));
                    if let Some(file) = file {
                        files.insert(name.to_owned(), PathBuf::from(file));
                    }
                    Grant::Secret(name.to_owned())
                }
                ("reveal", name) if !name.is_empty() => Grant::Reveal(name.to_owned()),
                ("files", folder) if !folder.is_empty() => folder_grant(folder)?,
                _ => {
                    return Err(CliError::usage(format!("--grant {text}: there is no such grant"))
                        .hint("write http=HOST, endpoint=tcp://HOST:PORT, state, blobs, lookup, secret=NAME, secret=NAME@FILE, reveal=NAME or files=FOLDER[:MOUNT[:rw]]"));
                }
            });
        }
        Ok((grants, files))
    }

    /// The kind that was asked for.
    pub(super) fn kind(&self) -> CliResult<Option<Kind>> {
        self.kind.as_deref().map(kind).transpose()
    }

    /// The configuration that was given.
    pub(super) async fn config(&self, ctx: &Context) -> CliResult<Option<Value>> {
        document(ctx, self.filename.as_deref()).await
    }

    /// What calls are given.
    pub(super) async fn input(&self, ctx: &Context) -> CliResult<Input> {
        let Some(value) = document(ctx, self.input.as_deref()).await? else { return Ok(Input::default()) };
        Input::parse(value).map_err(|error| CliError::usage(format!("--input: {error}")))
    }

    /// The recording that answers.
    pub(super) fn tape(&self) -> CliResult<Option<Arc<Tape>>> {
        let Some(path) = &self.replay else { return Ok(None) };
        let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
        let tape = Tape::replaying(&text).map_err(|error| CliError::usage(format!("{}: {error}", path.display())))?;
        Ok(Some(Arc::new(tape)))
    }
}

/// `FOLDER[:MOUNT[:rw]]`: seen where it is, or at another place; nothing in it may be changed without `rw`.
fn folder_grant(text: &str) -> CliResult<Grant> {
    let wrong = |why: String| CliError::usage(format!("--grant files={text}: {why}"));
    let mut parts = text.split(':');
    let (folder, mount, mode, more) = (parts.next().unwrap_or_default(), parts.next(), parts.next(), parts.next());
    let read_only = match (mode, more) {
        (None | Some("ro"), None) => true,
        (Some("rw"), None) => false,
        _ => return Err(wrong("expected FOLDER, FOLDER:MOUNT or FOLDER:MOUNT:rw".to_owned())),
    };
    let path = std::fs::canonicalize(folder).map_err(|error| wrong(format!("{folder}: {error}")))?;
    if !path.is_dir() {
        return Err(wrong(format!("{folder} is no folder")));
    }
    let mount_path = mount.map_or_else(|| path.to_string_lossy().into_owned(), str::to_owned);
    if !mount_path.starts_with('/') {
        return Err(wrong(format!(
            "{mount_path} is no absolute path: expected one that the plugin finds the folder at"
        )));
    }
    Ok(Grant::Files { path, mount_path, read_only })
}

/// A kind by its word; the two forms of event sources are one kind.
pub(super) fn kind(word: &str) -> CliResult<Kind> {
    let of = match word {
        "event-subscriber" | "event-receiver" => "event-source",
        word => word,
    };
    Kind::ALL.into_iter().find(|kind| kind.word() == of).ok_or_else(|| {
        let words: Vec<&str> = Kind::ALL.iter().map(|kind| kind.word()).collect();
        CliError::usage(format!("--kind {word}: there is no such kind")).hint(format!("one of: {}", words.join(", ")))
    })
}

/// A document of a file, or the text itself where it begins as an object does.
pub(super) async fn document(ctx: &Context, named: Option<&str>) -> CliResult<Option<Value>> {
    let Some(named) = named else { return Ok(None) };
    if named.trim_start().starts_with('{') {
        let value = serde_json::from_str(named).with_context(|| format!("{named} is no JSON"));
        return value.map(Some).map_err(|error| CliError::new(crate::error::Exit::Usage, error));
    }
    let sources = input::read_all(&*ctx.host, &[named.to_owned()]).await?;
    let [source] = sources.as_slice() else { return Err(CliError::usage(format!("{named}: one file is expected"))) };
    documents::one_value(source).map(Some)
}

/// A folder for compiled code, that goes with the command: what is loaded again is not compiled again.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// One for a command of this name.
    pub(super) fn new(command: &str) -> CliResult<Self> {
        let path = std::env::temp_dir().join(format!("colchis-plugin-{command}-{}", std::process::id()));
        let made = std::fs::DirBuilder::new().mode(0o700).create(&path);
        made.and_then(|()| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)))
            .with_context(|| format!("{} cannot be made", path.display()))?;
        Ok(Self(path))
    }

    /// Where it is.
    pub(super) fn path(&self) -> PathBuf {
        self.0.clone()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left behind is the system's to clean.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_granted_as_they_are_written() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().canonicalize().unwrap();
        let shown = folder.to_str().unwrap();
        for (text, mount, only_read) in [
            (shown.to_owned(), shown, true),
            (format!("{shown}:/in"), "/in", true),
            (format!("{shown}:/in:ro"), "/in", true),
            (format!("{shown}:/in:rw"), "/in", false),
        ] {
            let expected = Grant::Files { path: folder.clone(), mount_path: mount.to_owned(), read_only: only_read };
            assert_eq!(folder_grant(&text).unwrap(), expected, "{text}");
        }
        for (text, part) in [
            (format!("{shown}/none"), "No such file"),
            (format!("{shown}:in"), "no absolute path"),
            (format!("{shown}:/in:x"), "FOLDER:MOUNT:rw"),
            (format!("{shown}:/in:rw:y"), "FOLDER:MOUNT:rw"),
        ] {
            let error = folder_grant(&text).unwrap_err().error.unwrap().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
