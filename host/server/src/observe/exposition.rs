//! The metrics page: what every part of the server tells, in Prometheus' text format.
//!
//! Parts render themselves. The usual metrics library writes OpenMetrics, which renames every counter to end in `_total`, while dashboards of the field ask for
//! `argo_workflows_total_count` and for users' own counters as their manifests name them.

use std::sync::{Arc, PoisonError, RwLock};

/// Writes one part of the page.
pub type Render = Arc<dyn Fn(&mut String) + Send + Sync>;

/// The content type of the page.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The parts, in the order in which they were added.
#[derive(Clone, Default)]
pub struct Exposition {
    parts: Arc<RwLock<Vec<Render>>>,
}

impl Exposition {
    /// A page of nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a part.
    pub fn add(&self, render: Render) {
        self.parts.write().unwrap_or_else(PoisonError::into_inner).push(render);
    }

    /// The page.
    pub fn page(&self) -> String {
        let parts = self.parts.read().unwrap_or_else(PoisonError::into_inner).clone();
        let mut page = String::new();
        for render in parts {
            render(&mut page);
            if !page.is_empty() && !page.ends_with('\n') {
                page.push('\n');
            }
        }
        page
    }
}
