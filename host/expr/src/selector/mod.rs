//! Selectors: labels, fields, and the conditions of resource templates.
//!
//! | type | language | where |
//! |---|---|---|
//! | [`Selector`] | `app=web,tier in (a,b),!legacy` and `matchLabels`/`matchExpressions` | list options, `podGC.labelSelector` |
//! | [`FieldSelector`] | `status.phase=Running,metadata.name!=x` | list options |
//! | [`ResourceCondition`] | `status.phase == Succeeded, status.active > 3` | `successCondition`, `failureCondition` of a resource template |

mod fields;
mod labels;
mod resource;

pub use fields::FieldSelector;
pub use labels::{Operator, Requirement, Selector};
pub use resource::ResourceCondition;
