//! The image store of a data folder, for `colchis image`.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use cli::host::{ImageAction, ImageInfo, ImageOutcome};
use runner_local::{ImageRecord, ImageStore};
use serde_json::json;

use crate::config::Config;

/// Does it. A server may be using the same store; layers are shared and appear whole.
pub(crate) async fn act(config: &Config, action: ImageAction) -> anyhow::Result<ImageOutcome> {
    let store = ImageStore::open(&config.data_dir, &config.local.insecure_registries)
        .with_context(|| format!("the image store of {} cannot be opened", config.data_dir.display()))?;
    let store = Arc::new(store);
    let images = match action {
        ImageAction::Import { path, name } => store.import(&path, name.as_deref()).await?,
        ImageAction::Pull { name } => vec![store.pull(&name, &[]).await?],
        ImageAction::List => store.list()?,
        ImageAction::Inspect { name } => match store.inspect(&name)? {
            Some(record) => return Ok(ImageOutcome { images: vec![inspected(&record)], freed_bytes: 0 }),
            None => bail!("image {name} is not here; `colchis image pull {name}` gets it"),
        },
        ImageAction::Remove { names } => {
            let mut removed = Vec::new();
            for name in names {
                let Some(record) = store.inspect(&name)? else { bail!("image {name} is not here") };
                store.remove(&name)?;
                removed.push(record);
            }
            // Layers go with `prune`, when no step can be standing on them.
            removed
        }
        ImageAction::Prune => {
            not_in_use(&config.data_dir)?;
            return Ok(ImageOutcome { images: Vec::new(), freed_bytes: store.prune(&[])? });
        }
    };
    Ok(ImageOutcome { images: images.iter().map(info).collect(), freed_bytes: 0 })
}

/// Steps of a running server stand on layers that this process does not know of.
fn not_in_use(data_dir: &Path) -> anyhow::Result<()> {
    use rustix::fs::{FlockOperation, flock};
    let Ok(lock) = std::fs::File::open(data_dir.join("LOCK")) else { return Ok(()) };
    if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
        bail!(
            "a server uses {}: its steps may stand on layers that would be removed; stop it first",
            data_dir.display()
        );
    }
    Ok(())
}

fn info(record: &ImageRecord) -> ImageInfo {
    ImageInfo {
        name: record.reference.clone(),
        digest: record.digest.clone(),
        size_bytes: record.bytes,
        layers: record.layers.len(),
        added_ms: record.added_ms,
        platform: record.platform.clone(),
        config: None,
    }
}

fn inspected(record: &ImageRecord) -> ImageInfo {
    let config = &record.config;
    let config = json!({
        "Entrypoint": config.entrypoint,
        "Cmd": config.cmd,
        "Env": config.env,
        "WorkingDir": config.working_dir,
        "User": config.user,
        "StopSignal": config.stop_signal,
        "Layers": record.layers,
    });
    ImageInfo { config: Some(config.to_string()), ..info(record) }
}
