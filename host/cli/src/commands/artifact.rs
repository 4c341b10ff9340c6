//! `colchis artifact`.

use std::path::{Component, Path, PathBuf};

use clap::{Args, Subcommand};
use client::Messages;
use client::v1::{
    ArtifactDirection, ArtifactHead, ArtifactInfo, ArtifactKey, GetArtifactRequest, GetArtifactResponse,
    ListArtifactFilesRequest, ListArtifactsRequest, PutArtifactHead, get_artifact_response,
};
use futures::{TryStreamExt, stream};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::context::{Connection, Context};
use crate::error::{CliError, CliResult, Exit};
use crate::render::{Column, Paint, Table, Text};
use crate::support::output::Format;
use crate::support::refused;
use crate::support::selection::{RunName, named};

/// Bytes read from a file at a time.
const CHUNK_BYTES: usize = 256 << 10;
/// Files below a folder that are copied at most.
const FILES_MAX: u32 = 500;
/// Where `cp` puts artifacts, as in Argo.
const COPY_PATH: &str = "{namespace}/{workflowName}/{nodeId}/outputs/{artifactName}";

/// Read and store artifacts.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the artifacts of a run
    #[command(visible_alias = "list")]
    Ls(Ls),
    /// Save one artifact
    Get(Get),
    /// Copy artifacts of a run into a folder
    Cp(Cp),
    /// Store a file, to hand it to a run
    Put(Put),
}

/// List the artifacts of a run
#[derive(Debug, Args)]
pub struct Ls {
    /// Name of a run, or @latest
    #[arg(value_name = "WORKFLOW")]
    workflow: String,

    /// One artifact, by name: the files below it
    #[arg(value_name = "ARTIFACT")]
    artifact: Option<String>,

    #[command(flatten)]
    of: Of,

    /// wide, name or json
    #[arg(short = 'o', long, value_name = "FORM")]
    output: Option<String>,
}

/// Whose artifacts.
#[derive(Debug, Clone, Default, Args)]
pub struct Of {
    /// Step, by its id, name or display name
    #[arg(long, visible_alias = "node-id", value_name = "STEP")]
    node: Option<String>,

    /// What the step took in, not what it left behind
    #[arg(long)]
    input: bool,
}

/// Save one artifact
///
/// It is written as it is stored: most are .tgz archives.
#[derive(Debug, Args)]
pub struct Get {
    /// Name of a run, or @latest
    #[arg(value_name = "WORKFLOW")]
    workflow: String,

    /// Name of the artifact
    #[arg(value_name = "ARTIFACT")]
    artifact: String,

    #[command(flatten)]
    of: Of,

    /// A file below an artifact that is a folder
    #[arg(long, value_name = "PATH")]
    path: Option<String>,

    /// Where to write it; - for standard output [default: its own name, here]
    #[arg(short = 'o', long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Replace a file that is there
    #[arg(long)]
    force: bool,
}

/// Copy artifacts of a run into a folder
#[derive(Debug, Args)]
pub struct Cp {
    /// Name of a run, or @latest
    #[arg(value_name = "WORKFLOW")]
    workflow: String,

    /// The folder
    #[arg(value_name = "DIR")]
    folder: PathBuf,

    /// Step, by its id
    #[arg(long, value_name = "ID")]
    node_id: Option<String>,

    /// Steps of this template
    #[arg(long, value_name = "NAME")]
    template_name: Option<String>,

    /// Artifacts of this name
    #[arg(long, value_name = "NAME")]
    artifact_name: Option<String>,

    /// Where each is put, with {workflowName}, {nodeId}, {templateName}, {artifactName} and {namespace}
    #[arg(long, value_name = "PATH", default_value = COPY_PATH)]
    path: String,
}

/// Store a file, to hand it to a run
///
/// Answers the artifact as JSON: its location can be written into a manifest's arguments.
#[derive(Debug, Args)]
pub struct Put {
    /// The file; - for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Key in the namespace's artifact repository [default: a new one below uploads/]
    #[arg(value_name = "KEY")]
    key: Option<String>,

    /// Name of the artifact [default: the file's]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

impl Command {
    pub(super) async fn run(self, ctx: &mut Context) -> CliResult {
        match self {
            Self::Ls(command) => command.run(ctx).await,
            Self::Get(command) => command.run(ctx).await,
            Self::Cp(command) => command.run(ctx).await,
            Self::Put(command) => command.run(ctx).await,
        }
    }
}

impl Of {
    fn key(&self, run: &RunName, artifact: &str) -> ArtifactKey {
        let direction = if self.input { ArtifactDirection::Input } else { ArtifactDirection::Unspecified };
        ArtifactKey {
            namespace: run.namespace.clone(),
            name: run.name.clone(),
            node: self.node.clone().unwrap_or_default(),
            artifact_name: artifact.to_owned(),
            direction: direction.into(),
        }
    }
}

impl Ls {
    async fn run(self, ctx: &mut Context) -> CliResult {
        let format = Format::parse(self.output.as_deref(), &["wide", "name", "json"])?;
        let connection = ctx.connect().await?;
        let run = named(&connection, &self.workflow).await?;
        if let Some(artifact) = &self.artifact {
            let request = ListArtifactFilesRequest { key: Some(self.of.key(&run, artifact)), limit: FILES_MAX };
            let answer = connection.client.artifacts().list_files(request).await;
            let answer =
                answer.map_err(|e| refused(e, Some(format!("cannot list artifact {artifact} of workflow {run}"))))?;
            let mut table = Table::new([Column::new("SIZE"), Column::new("PATH")]);
            for file in &answer.files {
                table.row([Text::plain(file.size_bytes.to_string()), Text::plain(&file.path)]);
            }
            let text = table.render(&ctx.out.terminal, true);
            ctx.out.write(text)?;
            if answer.incomplete {
                ctx.out.warn(format!("there are more than {FILES_MAX} files"));
            }
            return Ok(Exit::Done);
        }
        let selector = self.of.node.as_ref().map(|node| format!("id={node}")).unwrap_or_default();
        let mut infos = infos(
            &connection,
            &run,
            selector,
            String::new(),
            if self.of.input { ArtifactDirection::Input } else { ArtifactDirection::Unspecified },
        )
        .await?;
        if format == Format::Json {
            let values: Vec<Value> = infos.iter().map(document).collect();
            ctx.out.write(format.write(&Value::Array(values))?.unwrap_or_default())?;
            return Ok(Exit::Done);
        }
        if infos.is_empty() {
            ctx.out.note("No artifacts found.");
        } else if format == Format::Name {
            for info in infos.drain(..) {
                ctx.out.line(info.name)?;
            }
        } else {
            let text = table(&infos).render(&ctx.out.terminal, true);
            ctx.out.write(text)?;
        }
        Ok(Exit::Done)
    }
}

fn table(infos: &[ArtifactInfo]) -> Table {
    let mut table = Table::new([
        Column::new("STEP"),
        Column::new("ARTIFACT"),
        Column::new("SIDE"),
        Column::new("DRIVER"),
        Column::giving_way("LOCATION"),
    ]);
    for info in infos {
        let side = if info.direction() == ArtifactDirection::Input { "in" } else { "out" };
        let mut location = Text::plain(&info.location);
        if info.deleted {
            location.push(Paint::Dim, " (collected)");
        }
        table.row([
            Text::plain(&info.node_name),
            Text::plain(&info.name),
            Text::plain(side),
            Text::plain(&info.driver),
            location,
        ]);
    }
    table
}

fn document(info: &ArtifactInfo) -> Value {
    let artifact: Value = serde_json::from_slice(&info.document).unwrap_or_default();
    json!({"nodeId": info.node_id, "nodeName": info.node_name, "direction": if info.direction() == ArtifactDirection::Input { "input" } else { "output" }, "deleted": info.deleted, "artifact": artifact})
}

async fn infos(
    connection: &Connection,
    run: &RunName,
    node_selector: String,
    artifact_name: String,
    direction: ArtifactDirection,
) -> CliResult<Vec<ArtifactInfo>> {
    let mut infos = Vec::new();
    let mut continue_token = String::new();
    loop {
        let request = ListArtifactsRequest {
            namespace: run.namespace.clone(),
            name: run.name.clone(),
            node_selector: node_selector.clone(),
            artifact_name: artifact_name.clone(),
            direction: direction.into(),
            limit: 0,
            continue_token,
        };
        let page = connection.client.artifacts().list(request).await;
        let page = page.map_err(|e| refused(e, Some(format!("cannot list the artifacts of workflow {run}"))))?;
        infos.extend(page.artifacts);
        continue_token = page.continue_token;
        if continue_token.is_empty() {
            return Ok(infos);
        }
    }
}

impl Get {
    async fn run(self, ctx: &mut Context) -> CliResult {
        let connection = ctx.connect().await?;
        let run = named(&connection, &self.workflow).await?;
        let doing = || Some(format!("cannot get artifact {} of workflow {run}", self.artifact));
        let request = GetArtifactRequest {
            key: Some(self.of.key(&run, &self.artifact)),
            path: self.path.clone().unwrap_or_default(),
        };
        let mut messages = connection.client.artifacts().get(request).await.map_err(|e| refused(e, doing()))?;
        let head = head(&mut messages).await.map_err(|e| refused(e, doing()))?;
        if self.output.as_deref() == Some(Path::new("-")) {
            while let Some(bytes) = next(&mut messages).await.map_err(|e| refused(e, doing()))? {
                ctx.out.write(bytes)?;
            }
            return Ok(Exit::Done);
        }
        let path = match &self.output {
            Some(path) if path.is_dir() => path.join(safe_name(&head.file_name)?),
            Some(path) => path.clone(),
            None => PathBuf::from(safe_name(&head.file_name)?),
        };
        if path.exists() && !self.force {
            return Err(CliError::usage(format!("{} is there already", path.display()))
                .hint("--force replaces it, -o names another file"));
        }
        let bytes = save(&mut messages, &path)
            .await
            .map_err(|e| e.context(format!("cannot get artifact {} of workflow {run}", self.artifact)))?;
        ctx.out.line(format!("{}: {bytes} bytes", path.display()))?;
        Ok(Exit::Done)
    }
}

impl Cp {
    async fn run(self, ctx: &mut Context) -> CliResult {
        let connection = ctx.connect().await?;
        let run = named(&connection, &self.workflow).await?;
        let mut terms = Vec::new();
        terms.extend(self.node_id.iter().map(|id| format!("id={id}")));
        terms.extend(self.template_name.iter().map(|name| format!("templateName={name}")));
        let name = self.artifact_name.clone().unwrap_or_default();
        let infos = infos(&connection, &run, terms.join(","), name, ArtifactDirection::Output).await?;
        if infos.is_empty() {
            return Err(CliError::failed(format!("workflow {run} has no such artifacts")));
        }
        for info in infos.iter().filter(|info| !info.deleted) {
            let template = self.template_name.clone().unwrap_or_else(|| info.node_name.clone());
            let relative = self
                .path
                .replace("{namespace}", &run.namespace)
                .replace("{workflowName}", &run.name)
                .replace("{nodeId}", &info.node_id)
                .replace("{templateName}", &template)
                .replace("{artifactName}", &info.name);
            let key = Of { node: Some(info.node_id.clone()), input: false }.key(&run, &info.name);
            let doing = || Some(format!("cannot copy artifact {} of step {}", info.name, info.node_name));
            let mut messages = connection
                .client
                .artifacts()
                .get(GetArtifactRequest { key: Some(key), path: String::new() })
                .await
                .map_err(|e| refused(e, doing()))?;
            let head = head(&mut messages).await.map_err(|e| refused(e, doing()))?;
            let folder = self.folder.join(inside(&relative)?);
            let path = folder.join(safe_name(&head.file_name)?);
            let bytes = save(&mut messages, &path).await?;
            ctx.out.line(format!("{}: {bytes} bytes", path.display()))?;
        }
        Ok(Exit::Done)
    }
}

impl Put {
    async fn run(self, ctx: &mut Context) -> CliResult {
        let connection = ctx.connect().await?;
        let stdin = self.file == Path::new("-");
        let file_name = match self.file.file_name().and_then(|name| name.to_str()) {
            Some(name) if !stdin => name.to_owned(),
            _ => "stdin".to_owned(),
        };
        let reader: Box<dyn tokio::io::AsyncRead + Send + Unpin> = if stdin {
            Box::new(tokio::io::stdin())
        } else {
            let opened = tokio::fs::File::open(&self.file).await;
            Box::new(opened.map_err(|e| {
                CliError::new(
                    Exit::Usage,
                    anyhow::Error::from(e).context(format!("{} cannot be read", self.file.display())),
                )
            })?)
        };
        let content = stream::try_unfold(reader, |mut reader| async move {
            let mut chunk = bytes::BytesMut::with_capacity(CHUNK_BYTES);
            let read = reader.read_buf(&mut chunk).await?;
            Ok((read > 0).then(|| (chunk.freeze(), reader)))
        });
        let head = PutArtifactHead {
            namespace: connection.namespace.clone(),
            artifact_name: self.name.clone().unwrap_or_else(|| file_name.clone()),
            key: self.key.clone().unwrap_or_default(),
            file_name,
            artifact: bytes::Bytes::new(),
        };
        let answer = connection.client.put_artifact(head, content).await;
        let answer = answer.map_err(|e| refused(e, Some(format!("cannot store {}", self.file.display()))))?;
        ctx.out.note(format!("{} bytes, {}", answer.size_bytes, answer.digest));
        let artifact: Value =
            serde_json::from_slice(&answer.artifact).map_err(|e| CliError::from(anyhow::Error::from(e)))?;
        ctx.out.write(Format::Json.write(&artifact)?.unwrap_or_default())?;
        Ok(Exit::Done)
    }
}

async fn head(messages: &mut Messages<GetArtifactResponse>) -> Result<ArtifactHead, client::ClientError> {
    match messages.try_next().await? {
        Some(GetArtifactResponse { message: Some(get_artifact_response::Message::Head(head)) }) => Ok(head),
        _ => Err(client::ClientError::Incomplete("an artifact begins with its head")),
    }
}

async fn next(messages: &mut Messages<GetArtifactResponse>) -> Result<Option<bytes::Bytes>, client::ClientError> {
    while let Some(message) = messages.try_next().await? {
        if let Some(get_artifact_response::Message::Chunk(chunk)) = message.message {
            return Ok(Some(chunk));
        }
    }
    Ok(None)
}

/// Writes beside the file and renames, so that a file of that name is always whole.
async fn save(messages: &mut Messages<GetArtifactResponse>, path: &Path) -> CliResult<u64> {
    let cannot = |error: std::io::Error| {
        CliError::from(anyhow::Error::from(error).context(format!("{} cannot be written", path.display())))
    };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        tokio::fs::create_dir_all(folder).await.map_err(cannot)?;
    }
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}.part", std::process::id()));
    let draft = PathBuf::from(draft);
    let written = async {
        let mut file = tokio::fs::File::create(&draft).await.map_err(cannot)?;
        let mut total = 0;
        while let Some(chunk) = next(messages).await.map_err(|e| refused(e, None))? {
            file.write_all(&chunk).await.map_err(cannot)?;
            total += chunk.len() as u64;
        }
        file.flush().await.map_err(cannot)?;
        tokio::fs::rename(&draft, path).await.map_err(cannot)?;
        Ok(total)
    }
    .await;
    if written.is_err() {
        let _ = tokio::fs::remove_file(&draft).await;
    }
    written
}

/// The last part of a key, as a file name: the server's word is not followed out of the folder.
fn safe_name(name: &str) -> CliResult<String> {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    if last.is_empty() || last == "." || last == ".." || last.contains('\0') {
        return Err(
            CliError::failed(format!("the artifact is called `{name}`, which is no file name")).hint("-o names a file")
        );
    }
    Ok(last.to_owned())
}

/// A relative path that stays within its folder.
fn inside(path: &str) -> CliResult<PathBuf> {
    let path = PathBuf::from(path);
    if path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
        return Ok(path);
    }
    Err(CliError::usage(format!("{}: leads out of the folder", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_from_outside_stay_inside() {
        assert_eq!(safe_name("a/b/report.tgz").unwrap(), "report.tgz");
        assert_eq!(safe_name("..\\x").unwrap(), "x");
        assert!(safe_name("a/..").is_err() && safe_name("").is_err());
        assert!(inside("a/b").is_ok() && inside("../b").is_err() && inside("/b").is_err());
    }

    #[test]
    fn artifacts_as_rows() {
        let info = ArtifactInfo {
            node_name: "build".into(),
            name: "report".into(),
            direction: 2,
            driver: "s3".into(),
            location: "x/report.tgz".into(),
            deleted: true,
            ..ArtifactInfo::default()
        };
        insta::assert_snapshot!(table(&[info]).render(&crate::render::Terminal::plain(), true), @r"
        STEP    ARTIFACT   SIDE   DRIVER   LOCATION
        build   report     out    s3       x/report.tgz (collected)
        ");
    }
}
