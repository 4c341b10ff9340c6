//! `colchis image`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::context::{Context, now_ms};
use crate::error::{CliError, CliResult, Exit};
use crate::host::{ImageAction, ImageInfo, ImageOutcome};
use crate::render::{Column, Table, Text, time};
use crate::support::output::Format;

/// Manage the container images of this machine.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Take in an archive (docker save, an OCI layout) or a component of WebAssembly
    Import(Import),
    /// Get an image from its registry
    Pull(Pull),
    /// List images
    #[command(visible_alias = "list")]
    Ls(Ls),
    /// Show an image and its config
    Inspect(Inspect),
    /// Remove images
    Rm(Rm),
    /// Remove layers that no image has; no server may be running
    Prune,
}

/// Take in an archive (docker save, an OCI layout) or a component of WebAssembly
#[derive(Debug, Args)]
pub struct Import {
    /// A tar file, also gzipped, or a component (.wasm)
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// A name for the image, instead of the one in the archive; a component has none of its own
    #[arg(long, visible_alias = "tag", value_name = "NAME")]
    name: Option<String>,
}

/// Get an image from its registry
#[derive(Debug, Args)]
pub struct Pull {
    /// Its reference, such as alpine:3.20 or registry.example.com/team/app@sha256:…
    #[arg(value_name = "IMAGE")]
    name: String,
}

/// List images
#[derive(Debug, Args)]
pub struct Ls {
    /// wide, name or json
    #[arg(short = 'o', long, value_name = "FORM")]
    output: Option<String>,
}

/// Show an image and its config
#[derive(Debug, Args)]
pub struct Inspect {
    /// Its name or digest
    #[arg(value_name = "IMAGE")]
    name: String,
}

/// Remove images
#[derive(Debug, Args)]
pub struct Rm {
    /// Names or digests
    #[arg(value_name = "IMAGE", required = true)]
    names: Vec<String>,
}

impl Command {
    pub(super) async fn run(self, ctx: &mut Context) -> CliResult {
        match self {
            Self::Import(command) => {
                let outcome = act(ctx, ImageAction::Import { path: command.file, name: command.name }).await?;
                for image in outcome.images {
                    ctx.out.line(format!("{} imported ({})", image.name, image.digest))?;
                }
            }
            Self::Pull(command) => {
                let outcome = act(ctx, ImageAction::Pull { name: command.name }).await?;
                for image in outcome.images {
                    ctx.out.line(format!("{} {}", image.name, image.digest))?;
                }
            }
            Self::Ls(command) => {
                let format = Format::parse(command.output.as_deref(), &["wide", "name", "json"])?;
                let outcome = act(ctx, ImageAction::List).await?;
                list(ctx, &outcome.images, &format)?;
            }
            Self::Inspect(command) => {
                let outcome = act(ctx, ImageAction::Inspect { name: command.name }).await?;
                let values: Vec<Value> = outcome.images.iter().map(document).collect();
                ctx.out.write(Format::Json.write(&Value::Array(values))?.unwrap_or_default())?;
            }
            Self::Rm(command) => {
                let outcome = act(ctx, ImageAction::Remove { names: command.names }).await?;
                for image in &outcome.images {
                    ctx.out.line(format!("{} removed", image.name))?;
                }
                ctx.out.note("`colchis image prune` frees their layers");
            }
            Self::Prune => {
                let outcome = act(ctx, ImageAction::Prune).await?;
                ctx.out.line(format!("{} freed", size(outcome.freed_bytes)))?;
            }
        }
        Ok(Exit::Done)
    }
}

async fn act(ctx: &mut Context, action: ImageAction) -> CliResult<ImageOutcome> {
    let request = ctx.config_request()?;
    ctx.host.images(&request, action).await.map_err(|error| CliError::new(Exit::Failed, error))
}

fn list(ctx: &mut Context, images: &[ImageInfo], format: &Format) -> CliResult<()> {
    match format {
        Format::Name => images.iter().try_for_each(|image| ctx.out.line(image.name.as_str())),
        Format::Json => ctx.out.write(format.write(&images.iter().map(document).collect())?.unwrap_or_default()),
        _ if images.is_empty() => {
            ctx.out.note("No images found.");
            Ok(())
        }
        _ => {
            let text = table(images, *format == Format::Wide, now_ms()).render(&ctx.out.terminal, true);
            ctx.out.write(text)
        }
    }
}

fn table(images: &[ImageInfo], wide: bool, now_ms: i64) -> Table {
    let mut columns = ["IMAGE", "DIGEST", "SIZE", "ADDED"].map(Column::new).to_vec();
    if wide {
        columns.extend(["LAYERS", "PLATFORM"].map(Column::new));
    }
    let mut table = Table::new(columns);
    for image in images {
        let digest =
            if wide { image.digest.clone() } else { image.digest.chars().take("sha256:".len() + 12).collect() };
        let mut row = vec![
            Text::plain(&image.name),
            Text::plain(digest),
            Text::plain(size(image.size_bytes)),
            Text::plain(format!("{} ago", time::age(now_ms - image.added_ms))),
        ];
        if wide {
            row.extend([Text::plain(image.layers.to_string()), Text::plain(&image.platform)]);
        }
        table.row(row);
    }
    table
}

fn document(image: &ImageInfo) -> Value {
    let config: Value = image.config.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let mut value = json!({
        "name": image.name,
        "digest": image.digest,
        "sizeBytes": image.size_bytes,
        "layers": image.layers,
        "platform": image.platform,
        "added": time::rfc3339(image.added_ms),
    });
    if let (Value::Object(fields), false) = (&mut value, config.is_null()) {
        fields.insert("config".to_owned(), config);
    }
    value
}

/// Bytes as people read them: `7.8 MiB`.
pub fn size(bytes: u64) -> String {
    const UNITS: &[&str] = &["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut tenths = u128::from(bytes) * 10 / 1024;
    let mut unit = UNITS.iter();
    let mut name = unit.next();
    while tenths >= 10_240 {
        let Some(next) = unit.next() else { break };
        name = Some(next);
        tenths /= 1024;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, name.unwrap_or(&"KiB"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::Terminal;

    #[test]
    fn images_as_rows() {
        let image = ImageInfo {
            name: "docker.io/library/alpine:3.20".into(),
            digest: format!("sha256:{}", "ab".repeat(32)),
            size_bytes: 8_200_000,
            layers: 1,
            platform: "linux/amd64".into(),
            added_ms: 0,
            ..ImageInfo::default()
        };
        insta::assert_snapshot!(table(&[image], false, 7_200_000).render(&Terminal::plain(), true), @r"
        IMAGE                           DIGEST                SIZE      ADDED
        docker.io/library/alpine:3.20   sha256:abababababab   7.8 MiB   120m ago
        ");
        assert_eq!(
            [size(0), size(1023), size(1024), size(1536), size(5 << 30)],
            ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "5.0 GiB"]
        );
    }
}
