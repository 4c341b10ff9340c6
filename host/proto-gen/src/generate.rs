//! Makes `src/generated` and the baseline from the proto files. Used by the example `generate` and by `xtask`.
//!
//! The proto files are compiled by protox, not by an installed `protoc`, so that every machine gives the same bytes.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use prost::Message;
use prost_types::FileDescriptorSet;

use crate::compat::{self, Break};

/// Why nothing was generated.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// A file or folder cannot be read or written.
    #[error("{path}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The proto files are wrong.
    #[error("the proto files do not compile: {0}")]
    Proto(#[from] protox::Error),
    /// The committed output is not what the proto files give.
    #[error("{} is stale: run `cargo run -p proto-gen --features generate --example generate`", path.display())]
    Stale {
        /// Which file.
        path: PathBuf,
    },
    /// Clients of the baseline would stumble.
    #[error("the proto files break clients of the baseline: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Breaks(Vec<Break>),
    /// A baseline that cannot be read.
    #[error(transparent)]
    Unreadable(#[from] compat::Unreadable),
}

/// One generated file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Relative to the workspace's root.
    pub path: PathBuf,
    /// Its bytes.
    pub content: Vec<u8>,
}

/// What the proto files of the workspace at `root` give.
pub fn outputs(root: &Path) -> Result<Vec<Output>, GenerateError> {
    let descriptors = compile(root)?;
    let generated = Path::new("host/proto-gen/src/generated");
    let binary = descriptors.encode_to_vec();
    let rpcs = rpcs(&descriptors);
    let code = code(descriptors)?;
    Ok(vec![
        Output { path: generated.join("colchis.v1.rs"), content: code },
        Output { path: generated.join("colchis.v1.binpb"), content: binary },
        Output { path: generated.join("rpcs.rs"), content: rpcs.into_bytes() },
    ])
}

/// Writes [`outputs`].
pub fn write(root: &Path) -> Result<(), GenerateError> {
    for Output { path, content } in outputs(root)? {
        let path = root.join(path);
        if fs::read(&path).ok().as_deref() != Some(content.as_slice()) {
            fs::write(&path, content).map_err(|source| GenerateError::Io { path, source })?;
        }
    }
    Ok(())
}

/// Fails when a committed file is not what the proto files give, or when they break clients of the baseline.
pub fn check(root: &Path) -> Result<(), GenerateError> {
    for Output { path, content } in outputs(root)? {
        if fs::read(root.join(&path)).ok().as_deref() != Some(content.as_slice()) {
            return Err(GenerateError::Stale { path });
        }
    }
    check_baseline(root)
}

/// Fails when the proto files break clients of the baseline.
pub fn check_baseline(root: &Path) -> Result<(), GenerateError> {
    let path = baseline_path(root);
    let baseline = fs::read(&path).map_err(|source| GenerateError::Io { path, source })?;
    let found = compat::breaks(&baseline, &compile(root)?.encode_to_vec())?;
    if found.is_empty() { Ok(()) } else { Err(GenerateError::Breaks(found)) }
}

/// Makes the current proto files the baseline: what they have is then promised. Without `force`, only if they keep the old promise.
pub fn write_baseline(root: &Path, force: bool) -> Result<(), GenerateError> {
    let path = baseline_path(root);
    if path.exists() && !force {
        check_baseline(root)?;
    }
    let mut descriptors = compile(root)?;
    for file in &mut descriptors.file {
        file.source_code_info = None;
    }
    fs::write(&path, descriptors.encode_to_vec()).map_err(|source| GenerateError::Io { path, source })
}

fn baseline_path(root: &Path) -> PathBuf {
    root.join("proto/baseline.binpb")
}

fn compile(root: &Path) -> Result<FileDescriptorSet, GenerateError> {
    let include = root.join("proto");
    let folder = include.join("colchis/v1");
    let entries = fs::read_dir(&folder).map_err(|source| GenerateError::Io { path: folder.clone(), source })?;
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "proto"))
        .collect();
    files.sort();
    Ok(protox::compile(files, [include])?)
}

fn code(descriptors: FileDescriptorSet) -> Result<Vec<u8>, GenerateError> {
    let out = std::env::temp_dir().join(format!("colchis-proto-gen-{}", std::process::id()));
    let io_error = |path: &Path| {
        let path = path.to_owned();
        move |source| GenerateError::Io { path, source }
    };
    fs::create_dir_all(&out).map_err(io_error(&out))?;
    let result = tonic_prost_build::configure()
        .bytes(".")
        .btree_map(".")
        .out_dir(&out)
        .compile_fds(descriptors)
        .and_then(|()| fs::read(out.join("colchis.v1.rs")))
        .map_err(io_error(&out));
    fs::remove_dir_all(&out).map_err(io_error(&out))?;
    result
}

/// The source of [`crate::Rpc`].
fn rpcs(descriptors: &FileDescriptorSet) -> String {
    let mut rpcs = Vec::new();
    for file in &descriptors.file {
        for service in &file.service {
            for method in &service.method {
                let variant = format!("{}{}", service.name(), method.name());
                let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                let short = format!("{}.{}", service.name(), method.name());
                let streams = method.client_streaming() || method.server_streaming();
                rpcs.push((variant, path, short, streams));
            }
        }
    }
    let mut text = String::from("// Generated from proto/colchis/v1. Do not edit.\n\n/// Every RPC of the API.\n");
    text.push_str("#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]\npub enum Rpc {\n");
    for (variant, _, short, _) in &rpcs {
        text.push_str(&format!("    /// `{short}`.\n    {variant},\n"));
    }
    text.push_str(
        "}\n\nimpl Rpc {\n    /// All of them, in the order of the proto files.\n    pub const ALL: &[Rpc] = &[\n",
    );
    for (variant, ..) in &rpcs {
        text.push_str(&format!("        Rpc::{variant},\n"));
    }
    text.push_str("    ];\n\n    /// The path of its HTTP/2 requests.\n    pub const fn path(self) -> &'static str {\n        match self {\n");
    for (variant, path, ..) in &rpcs {
        text.push_str(&format!("            Rpc::{variant} => \"{path}\",\n"));
    }
    text.push_str("        }\n    }\n\n    /// `Service.Method`, for people.\n    pub const fn name(self) -> &'static str {\n        match self {\n");
    for (variant, _, short, _) in &rpcs {
        text.push_str(&format!("            Rpc::{variant} => \"{short}\",\n"));
    }
    text.push_str("        }\n    }\n\n    /// Whether its request or response is a stream.\n    pub const fn streams(self) -> bool {\n        match self {\n");
    for (variant, _, _, streams) in &rpcs {
        text.push_str(&format!("            Rpc::{variant} => {streams},\n"));
    }
    text.push_str("        }\n    }\n\n    /// The RPC that a path means.\n    pub fn from_path(path: &str) -> Option<Rpc> {\n        Some(match path {\n");
    for (variant, path, ..) in &rpcs {
        text.push_str(&format!("            \"{path}\" => Rpc::{variant},\n"));
    }
    text.push_str("            _ => return None,\n        })\n    }\n}\n");
    text
}
