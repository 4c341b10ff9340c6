//! Artifacts: files and folders that steps hand over.

use super::artifact_location::{ArtifactLocation, location_record};

/// One artifact.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(from = "FlatArtifact", into = "FlatArtifact")]
pub struct Artifact {
    /// The name.
    pub name: Box<str>,
    /// The path in the container.
    pub path: Option<Box<str>>,
    /// The mode of an input's file.
    pub mode: Option<i32>,
    /// A tag that names another artifact.
    pub from: Option<Box<str>>,
    /// An expression that gives another artifact.
    pub from_expression: Option<Box<str>>,
    /// The name under which an output is known to the whole run (`workflow.outputs.artifacts.<globalName>`).
    pub global_name: Option<Box<str>>,
    /// How files are packed; a gzipped tar by default.
    pub archive: Option<Box<ArchiveStrategy>>,
    /// True when it may be missing.
    pub optional: bool,
    /// A path inside the artifact named by `from`.
    pub sub_path: Option<Box<str>>,
    /// Applies `mode` to everything in a folder.
    pub recurse_mode: bool,
    /// When it is deleted.
    pub artifact_gc: Option<Box<super::ArtifactGc>>,
    /// It has been deleted; set by the server.
    pub deleted: bool,
    /// Where it lies (the fields `s3`, `git`, `http`, … stand beside `name` in the manifest).
    pub location: ArtifactLocation,
}

mod flat {
    #![allow(missing_docs, unreachable_pub)]
    super::location_record! {
        /// One artifact.
        pub struct FlatArtifact {
            /// The name.
            pub name: Box<str>,
            /// The path in the container.
            pub path: Option<Box<str>>,
            /// The mode of an input's file.
            pub mode: Option<i32>,
            /// A tag that names another artifact.
            pub from: Option<Box<str>>,
            /// An expression that gives another artifact.
            pub from_expression: Option<Box<str>>,
            /// The name under which an output is known to the whole run.
            pub global_name: Option<Box<str>>,
            /// How files are packed; a gzipped tar by default.
            pub archive: Option<Box<crate::workflow::ArchiveStrategy>>,
            /// True when it may be missing.
            pub optional: bool,
            /// A path inside the artifact named by `from`.
            pub sub_path: Option<Box<str>>,
            /// Applies `mode` to everything in a folder.
            pub recurse_mode: bool,
            /// When it is deleted.
            #[serde(rename = "artifactGC")]
            pub artifact_gc: Option<Box<crate::workflow::ArtifactGc>>,
            /// It has been deleted; set by the server.
            pub deleted: bool,
        }
    }
}
use flat::FlatArtifact;

record! {
    /// How an artifact's files are packed; one field is set.
    pub struct ArchiveStrategy {
        /// A gzipped tar.
        pub tar: Option<TarStrategy>,
        /// Not at all.
        pub none: Option<NoneStrategy>,
        /// A zip file.
        pub zip: Option<ZipStrategy>,
    }

    /// A gzipped tar.
    pub struct TarStrategy {
        /// The gzip level, 0 (none) to 9.
        pub compression_level: Option<i32>,
    }

    /// Files as they are; has no fields.
    pub struct NoneStrategy {}

    /// A zip file; has no fields.
    pub struct ZipStrategy {}
}

impl From<FlatArtifact> for Artifact {
    fn from(f: FlatArtifact) -> Self {
        Self {
            name: f.name,
            path: f.path,
            mode: f.mode,
            from: f.from,
            from_expression: f.from_expression,
            global_name: f.global_name,
            archive: f.archive,
            optional: f.optional,
            sub_path: f.sub_path,
            recurse_mode: f.recurse_mode,
            artifact_gc: f.artifact_gc,
            deleted: f.deleted,
            location: ArtifactLocation {
                archive_logs: f.archive_logs,
                s3: f.s3,
                git: f.git,
                http: f.http,
                artifactory: f.artifactory,
                hdfs: f.hdfs,
                raw: f.raw,
                oss: f.oss,
                gcs: f.gcs,
                azure: f.azure,
                plugin: f.plugin,
            },
        }
    }
}

impl From<Artifact> for FlatArtifact {
    fn from(a: Artifact) -> Self {
        let l = a.location;
        Self {
            name: a.name,
            path: a.path,
            mode: a.mode,
            from: a.from,
            from_expression: a.from_expression,
            global_name: a.global_name,
            archive: a.archive,
            optional: a.optional,
            sub_path: a.sub_path,
            recurse_mode: a.recurse_mode,
            artifact_gc: a.artifact_gc,
            deleted: a.deleted,
            archive_logs: l.archive_logs,
            s3: l.s3,
            git: l.git,
            http: l.http,
            artifactory: l.artifactory,
            hdfs: l.hdfs,
            raw: l.raw,
            oss: l.oss,
            gcs: l.gcs,
            azure: l.azure,
            plugin: l.plugin,
        }
    }
}

impl schemars::JsonSchema for Artifact {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Artifact".into()
    }
    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        FlatArtifact::json_schema(generator)
    }
}

impl crate::empty::Empty for Artifact {
    fn is_empty(&self) -> bool {
        false
    }
}
