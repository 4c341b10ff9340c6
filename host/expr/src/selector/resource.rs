//! The conditions of resource templates: label-selector operators over paths of an object.

use super::labels::{Operator, Requirement, Selector};
use crate::error::Error;
use crate::gjson;

/// The `successCondition` or `failureCondition` of a resource template: `status.phase == Succeeded, status.active > 3`.
///
/// The keys are gjson paths (see [`crate::gjson`]), the operators those of label selectors, a comma means and. Values may stand in quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceCondition {
    selector: Selector,
}

impl ResourceCondition {
    /// Parses `source`.
    pub fn parse(source: &str) -> Result<ResourceCondition, Error> {
        let selector = Selector::parse_loose(source)?;
        if selector.is_empty() {
            return Err(Error::value("the condition is empty").expected("`status.phase == Succeeded`"));
        }
        Ok(ResourceCondition { selector })
    }

    /// The requirements, all of which must hold.
    pub fn requirements(&self) -> &[Requirement] {
        self.selector.requirements()
    }

    /// Does the object fulfil all requirements? A path that leads nowhere fulfils only `!path`, `!=` and `notin`.
    pub fn matches(&self, object: &serde_json::Value) -> bool {
        self.first_unfulfilled(object).is_none()
    }

    /// The first requirement that the object does not fulfil: what a step waits for.
    pub fn first_unfulfilled(&self, object: &serde_json::Value) -> Option<&Requirement> {
        self.requirements().iter().find(|requirement| {
            let value = gjson::get_text(object, &requirement.key);
            !match requirement.operator {
                Operator::GreaterThan | Operator::LessThan => compares(requirement, value.as_deref()),
                _ => requirement.matches(value.as_deref()),
            }
        })
    }
}

/// Numbers of an object may have a fraction, which labels' numbers have not.
fn compares(requirement: &Requirement, value: Option<&str>) -> bool {
    let wanted = requirement.values.first().and_then(|wanted| wanted.parse::<f64>().ok());
    match (value.and_then(|value| value.parse::<f64>().ok()), wanted) {
        (Some(value), Some(wanted)) if requirement.operator == Operator::GreaterThan => value > wanted,
        (Some(value), Some(wanted)) => value < wanted,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions() {
        let object = serde_json::json!({"status": {"phase": "Succeeded", "active": 4, "ready": true, "ratio": 1.5,
            "conditions": [{"type": "Ready", "status": "False"}, {"type": "Complete", "status": "True"}]}});
        for (condition, expected) in [
            ("status.phase == Succeeded", true),
            ("status.phase=Succeeded", true),
            ("status.phase in (Failed, Error)", false),
            ("status.phase notin (Failed, Error)", true),
            ("status.active > 3", true),
            ("status.active > 3, status.phase == Failed", false),
            ("status.active>3,status.phase==Succeeded", true),
            ("status.ratio > 1", true),
            ("status.ratio < 1", false),
            ("status.ready == true", true),
            ("status.nope", false),
            ("!status.nope", true),
            ("status.phase", true),
            ("status.nope > 1", false),
            ("status.nope != x", true),
            ("status.conditions.1.status == True", true),
            ("status.conditions.#(type==Complete).status == True", true),
            ("status.conditions.#(type==\"Ready\").status == 'True'", false),
            ("status.phase == \"Succeeded\"", true),
        ] {
            assert_eq!(ResourceCondition::parse(condition).unwrap().matches(&object), expected, "{condition}");
        }
        assert!(ResourceCondition::parse("").is_err());
        assert!(ResourceCondition::parse("status.phase ~ x").is_err());
        let condition = ResourceCondition::parse("status.phase == Succeeded, status.active > 9").unwrap();
        assert_eq!(condition.first_unfulfilled(&object).map(|r| r.key.as_str()), Some("status.active"));
    }
}
