//! Steps over a document.

use std::cmp::Ordering;

use super::doc::{Doc, Scalar};
use super::parse::{Comparison, Filter, Operand, Step, StepKind};
use crate::budget::Meter;
use crate::error::{Error, ErrorKind, Resource};

/// Results of one path at most.
const RESULTS_MAX: usize = 1_000_000;

/// All nodes that `steps` lead to from `from`. With `strict`, a step that leads nowhere is an error.
pub(super) fn run<'d, D: Doc>(
    steps: &[Step],
    root: &'d D,
    from: &'d D,
    strict: bool,
    meter: &mut Meter,
) -> Result<Vec<&'d D>, Error> {
    walk(steps, root, vec![from], strict, meter)
}

fn walk<'d, D: Doc>(
    steps: &[Step],
    root: &'d D,
    start: Vec<&'d D>,
    strict: bool,
    meter: &mut Meter,
) -> Result<Vec<&'d D>, Error> {
    let mut nodes = start;
    let mut descended = false;
    for step in steps {
        let had = !nodes.is_empty();
        let mut next = Vec::new();
        match &step.kind {
            // Each alternative in turn for all nodes, which is the order that Kubernetes has.
            StepKind::Union(alternatives) => {
                for alternative in alternatives {
                    next.extend(walk(alternative, root, nodes.clone(), strict, meter)?);
                }
            }
            kind => {
                for node in &nodes {
                    one(kind, root, node, &mut next, strict && !descended, meter)
                        .map_err(|error| error.at(step.span))?;
                }
            }
        }
        if next.len() > RESULTS_MAX {
            return Err(Error::new(ErrorKind::BudgetExceeded { what: Resource::Outputs, limit: RESULTS_MAX as u64 }));
        }
        descended |= matches!(step.kind, StepKind::Descend);
        if strict && had && next.is_empty() && !descended {
            match &step.kind {
                StepKind::Key(key) => return Err(missing(key).at(step.span)),
                StepKind::Index(_) => return Err(Error::value("there are no elements here").at(step.span)),
                _ => {}
            }
        }
        nodes = next;
    }
    Ok(nodes)
}

fn missing(key: &str) -> Error {
    Error::value(format!("`{key}` is not found"))
}

fn one<'d, D: Doc>(
    kind: &StepKind,
    root: &'d D,
    node: &'d D,
    out: &mut Vec<&'d D>,
    strict: bool,
    meter: &mut Meter,
) -> Result<(), Error> {
    meter.spend(1)?;
    match kind {
        StepKind::Key(key) => out.extend(node.member(key)),
        StepKind::Index(index) => {
            let items = node.items().unwrap_or_default();
            let found = place(*index, items.len()).and_then(|at| items.get(at));
            if found.is_none() && strict && node.items().is_some() {
                return Err(Error::value(format!("there is no element {index} in an array of {}", items.len())));
            }
            out.extend(found);
        }
        StepKind::Slice(from, to, by) => {
            let items = node.items().unwrap_or_default();
            let bound = |bound: Option<i64>, default: usize| match bound {
                None => default,
                Some(at) if at < 0 => place(at, items.len()).unwrap_or(0),
                Some(at) => usize::try_from(at).unwrap_or(usize::MAX).min(items.len()),
            };
            let (from, to) = (bound(*from, 0), bound(*to, items.len()));
            let by = by.and_then(|by| usize::try_from(by).ok()).unwrap_or(1).max(1);
            for item in items.get(from..to.max(from)).unwrap_or_default().iter().step_by(by) {
                push(out, item, meter)?;
            }
        }
        StepKind::Wildcard => {
            for child in children(node) {
                push(out, child, meter)?;
            }
        }
        StepKind::Descend => {
            // A stack instead of recursion; children are pushed in reverse so that the document's order is kept.
            let mut stack = vec![node];
            while let Some(node) = stack.pop() {
                push(out, node, meter)?;
                let below = children(node);
                stack.extend(below.into_iter().rev());
            }
        }
        StepKind::Filter(filter) => {
            for child in children(node) {
                meter.spend(1)?;
                if holds(filter, root, child, meter)? {
                    push(out, child, meter)?;
                }
            }
        }
        StepKind::Union(_) => return Err(Error::internal("union")),
    }
    Ok(())
}

fn push<'d, D>(out: &mut Vec<&'d D>, node: &'d D, meter: &mut Meter) -> Result<(), Error> {
    meter.spend(1)?;
    meter.alloc(size_of::<&D>())?;
    out.push(node);
    Ok(())
}

fn children<D: Doc>(node: &D) -> Vec<&D> {
    match node.items() {
        Some(items) => items.iter().collect(),
        None => node.values(),
    }
}

fn place(index: i64, len: usize) -> Option<usize> {
    if index < 0 { len.checked_sub(usize::try_from(index.unsigned_abs()).ok()?) } else { usize::try_from(index).ok() }
}

fn holds<D: Doc>(filter: &Filter, root: &D, node: &D, meter: &mut Meter) -> Result<bool, Error> {
    meter.spend(1)?;
    match filter {
        Filter::Any(parts) => {
            for part in parts {
                if holds(part, root, node, meter)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Filter::All(parts) => {
            for part in parts {
                if !holds(part, root, node, meter)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        Filter::Not(inner) => holds(inner, root, node, meter).map(|held| !held),
        Filter::Exists(operand) => match operand {
            Operand::Path { root: from_root, steps } => {
                let from = if *from_root { root } else { node };
                run(steps, root, from, false, meter).map(|found| !found.is_empty())
            }
            Operand::Bool(b) => Ok(*b),
            _ => Ok(true),
        },
        Filter::Compare(left, comparison, right) => {
            let (left, right) = (scalar(left, root, node, meter)?, scalar(right, root, node, meter)?);
            Ok(match (left, right) {
                (Some(left), Some(right)) => compare(left, *comparison, right),
                _ => false,
            })
        }
    }
}

/// What an operand is worth; nothing when its path leads nowhere.
fn scalar<'d, D: Doc>(
    operand: &'d Operand,
    root: &'d D,
    node: &'d D,
    meter: &mut Meter,
) -> Result<Option<Scalar<'d>>, Error> {
    Ok(match operand {
        Operand::Null => Some(Scalar::Null),
        Operand::Bool(b) => Some(Scalar::Bool(*b)),
        Operand::Number(n) => Some(Scalar::Number(*n)),
        Operand::Text(text) => Some(Scalar::Text(text)),
        Operand::Path { root: from_root, steps } => {
            let from = if *from_root { root } else { node };
            run(steps, root, from, false, meter)?.first().map(|found| found.scalar())
        }
    })
}

fn compare(left: Scalar<'_>, comparison: Comparison, right: Scalar<'_>) -> bool {
    let ordering = match (left, right) {
        (Scalar::Number(a), Scalar::Number(b)) => a.partial_cmp(&b),
        (Scalar::Text(a), Scalar::Text(b)) => Some(a.cmp(b)),
        (Scalar::Bool(a), Scalar::Bool(b)) if a == b => Some(Ordering::Equal),
        (Scalar::Null, Scalar::Null) => Some(Ordering::Equal),
        _ => None,
    };
    match comparison {
        Comparison::Equal => ordering == Some(Ordering::Equal),
        Comparison::NotEqual => ordering != Some(Ordering::Equal),
        Comparison::Less => ordering == Some(Ordering::Less),
        Comparison::LessEqual => ordering.is_some_and(Ordering::is_le),
        Comparison::Greater => ordering == Some(Ordering::Greater),
        Comparison::GreaterEqual => ordering.is_some_and(Ordering::is_ge),
    }
}
