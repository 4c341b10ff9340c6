//! The `data` template.

use super::Artifact;

record! {
    /// Lists a source and transforms the list.
    pub struct DataTemplate {
        /// The source.
        pub source: DataSource,
        /// Steps, in order.
        pub transformation: Vec<TransformationStep>,
    }

    /// The source of data.
    pub struct DataSource {
        /// The paths in an artifact's location.
        pub artifact_paths: Option<Box<Artifact>>,
    }

    /// One step of a transformation.
    pub struct TransformationStep {
        /// An expression over `data`.
        pub expression: String,
    }
}
