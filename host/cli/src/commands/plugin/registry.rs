//! `colchis plugin push` and `pull`: components in OCI registries.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use bytes::Bytes;
use clap::Args;
use plugin_registry::{
    COMPONENT_BYTES_MAX, Credentials, Reference, Registry, RegistryError, SigningKey, digest_of, parse_reference,
};
use serde_json::json;

use crate::context::Context;
use crate::error::{CliError, CliResult, Exit};
use crate::support::output::Format;

/// As whom, and how.
#[derive(Debug, Args)]
struct Access {
    /// Speak to the registry without TLS
    #[arg(long)]
    insecure: bool,

    /// The user [default: the one that the Docker configuration has for the registry]
    #[arg(long, value_name = "NAME", requires = "password_stdin")]
    username: Option<String>,

    /// Read the user's password from standard input
    #[arg(long, requires = "username")]
    password_stdin: bool,
}

/// Push a component to an OCI registry
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  colchis plugin push queue_lag.wasm registry.example.com/plugins/queue-lag:1.2.0
  colchis plugin push queue_lag.wasm 127.0.0.1:5000/queue-lag:dev --insecure --sign cosign.key.pem")]
pub struct Push {
    /// The component
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Where to: registry/name:tag
    #[arg(value_name = "REFERENCE")]
    reference: String,

    #[command(flatten)]
    access: Access,

    /// Sign it with this private key (PEM, not encrypted), in cosign's form
    #[arg(long, value_name = "KEY")]
    sign: Option<PathBuf>,

    /// An annotation of the manifest
    #[arg(long = "annotation", value_name = "NAME=VALUE")]
    annotations: Vec<String>,

    /// name, json or yaml
    #[arg(short = 'o', long, value_name = "FORM")]
    output: Option<String>,
}

/// Pull a component from an OCI registry
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  colchis plugin pull registry.example.com/plugins/queue-lag:1.2.0
  colchis plugin pull registry.example.com/plugins/queue-lag:1.2.0 -f lag.wasm --digest sha256:…")]
pub struct Pull {
    /// Which: registry/name:tag, or registry/name@sha256:…
    #[arg(value_name = "REFERENCE")]
    reference: String,

    #[command(flatten)]
    access: Access,

    /// Where to write it; a file that is there is replaced [default: the name, with .wasm, here]
    #[arg(short = 'f', long, value_name = "FILE")]
    file: Option<PathBuf>,

    /// What the component's content must be, as sha256:…
    #[arg(long, value_name = "DIGEST")]
    digest: Option<String>,

    /// name, json or yaml
    #[arg(short = 'o', long, value_name = "FORM")]
    output: Option<String>,
}

/// The forms of what was pushed or pulled.
const FORMS: &[&str] = &["name", "json", "yaml"];

impl Access {
    fn registry(&self, reference: &Reference) -> CliResult<Registry> {
        let credentials = match &self.username {
            Some(username) => {
                let mut password = String::new();
                let read = std::io::stdin().read_to_string(&mut password).context("the password cannot be read");
                read.map_err(|error| CliError::new(Exit::Usage, error))?;
                Some(Credentials { username: username.clone(), password: password.trim_end().to_owned() })
            }
            None => of_docker(reference.registry())?,
        };
        Ok(Registry::new(credentials.as_ref(), self.insecure, None))
    }
}

/// The user that the Docker configuration has for a registry.
fn of_docker(registry: &str) -> CliResult<Option<Credentials>> {
    let folder = std::env::var_os("DOCKER_CONFIG").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".docker"));
    let Some(file) = folder.or_else(home).map(|folder| folder.join("config.json")) else { return Ok(None) };
    let Ok(text) = std::fs::read(&file) else { return Ok(None) };
    Credentials::find(&text, registry).map_err(|why| CliError::usage(format!("{}: {why}", file.display())))
}

fn told(error: RegistryError) -> CliError {
    let exit = match &error {
        RegistryError::Reference { .. } | RegistryError::Key(_) => Exit::Usage,
        RegistryError::Unreachable { .. } => Exit::Unavailable,
        _ => Exit::Failed,
    };
    let hint = match &error {
        RegistryError::Unreachable { .. } => "a registry without TLS needs --insecure",
        RegistryError::Credentials { .. } => {
            "give --username and --password-stdin, or sign in with your container tool"
        }
        _ => "",
    };
    let told = CliError::new(exit, error.into());
    if hint.is_empty() { told } else { told.hint(hint) }
}

impl Push {
    pub(super) async fn run(self, ctx: &mut Context) -> CliResult {
        let format = Format::parse(self.output.as_deref(), FORMS)?;
        let reference = parse_reference(&self.reference).map_err(told)?;
        if reference.digest().is_some() {
            return Err(CliError::usage(format!("{}: a component is pushed under a tag", self.reference)));
        }
        let mut annotations = BTreeMap::new();
        for text in &self.annotations {
            let pair = text.split_once('=').filter(|(name, _)| !name.is_empty());
            let (name, value) =
                pair.ok_or_else(|| CliError::usage(format!("--annotation {text}: expected NAME=VALUE")))?;
            annotations.insert(name.to_owned(), value.to_owned());
        }
        let key = self.sign.as_deref().map(signing_key).transpose()?;
        let component = component(&self.file)?;
        let digest = digest_of(&component);
        let registry = self.access.registry(&reference)?;
        let manifest = registry.push(&reference, component, &annotations).await.map_err(told)?;
        if let Some(key) = &key {
            registry.sign(&reference, &manifest, key).await.map_err(told)?;
        }
        let pinned = format!("{}/{}@{manifest}", reference.registry(), reference.repository());
        match &format {
            Format::Json | Format::Yaml => {
                let value = json!({
                    "reference": self.reference, "manifest": manifest, "digest": digest, "pinned": pinned,
                    "signed": key.is_some(),
                });
                ctx.out.write(format.write(&value)?.unwrap_or_default())?;
            }
            Format::Name => ctx.out.line(pinned)?,
            _ => {
                let signed = if key.is_some() { ", signed" } else { "" };
                ctx.out.line(format!("{} pushed{signed}", self.reference))?;
                ctx.out.line(format!("reference: {pinned}"))?;
                ctx.out.line(format!("digest:    {digest}"))?;
            }
        }
        Ok(Exit::Done)
    }
}

fn signing_key(file: &Path) -> CliResult<SigningKey> {
    let text = std::fs::read_to_string(file).with_context(|| format!("--sign {}", file.display()));
    SigningKey::from_pem(&text.map_err(|error| CliError::new(Exit::Usage, error))?).map_err(told)
}

/// A component of a size that servers take.
fn component(file: &Path) -> CliResult<Bytes> {
    let read = || -> anyhow::Result<Bytes> {
        let size = std::fs::metadata(file)?.len();
        anyhow::ensure!(
            size <= COMPONENT_BYTES_MAX,
            "it has {size} bytes, more than component_bytes_max ({COMPONENT_BYTES_MAX})"
        );
        let bytes = std::fs::read(file)?;
        // What every component begins with: that it is WebAssembly, and no core module.
        anyhow::ensure!(
            bytes.starts_with(b"\0asm") && bytes.get(6) == Some(&1),
            "this is no component of WebAssembly; `colchis plugin inspect` says what one is"
        );
        Ok(bytes.into())
    };
    read().with_context(|| file.display().to_string()).map_err(|error| CliError::new(Exit::Usage, error))
}

impl Pull {
    pub(super) async fn run(self, ctx: &mut Context) -> CliResult {
        let format = Format::parse(self.output.as_deref(), FORMS)?;
        let reference = parse_reference(&self.reference).map_err(told)?;
        let registry = self.access.registry(&reference)?;
        let found = registry.resolve(&reference).await.map_err(told)?;
        if let Some(expected) = self.digest.as_ref().filter(|expected| **expected != found.component) {
            let message = format!(
                "{}: the component has digest {}, and {expected} was expected",
                self.reference, found.component
            );
            return Err(CliError::failed(message));
        }
        let component = registry.pull(&reference, &found).await.map_err(told)?;
        let name = reference.repository().rsplit('/').next().unwrap_or("plugin").to_owned();
        let file = self.file.unwrap_or_else(|| PathBuf::from(format!("{name}.wasm")));
        std::fs::write(&file, &component)
            .with_context(|| file.display().to_string())
            .map_err(|error| CliError::new(Exit::Failed, error))?;
        match &format {
            Format::Json | Format::Yaml => {
                let value = json!({
                    "reference": self.reference, "manifest": found.manifest, "digest": found.component,
                    "file": file, "bytes": component.len(),
                });
                ctx.out.write(format.write(&value)?.unwrap_or_default())?;
            }
            Format::Name => ctx.out.line(file.display().to_string())?,
            _ => {
                ctx.out.line(format!("{} written ({} bytes, {})", file.display(), component.len(), found.component))?
            }
        }
        Ok(Exit::Done)
    }
}
