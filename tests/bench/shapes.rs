//! DAGs of a given size: three synthetic shapes, and one as it is drawn in each family of real workflows.

use serde_json::{Value, json};

/// A name, and the manifest of so many tasks.
type Shape = (&'static str, fn(usize) -> Value);

/// The shapes by name.
pub(crate) const ALL: &[Shape] = &[
    ("chain", |n| dag(&chain(n))),
    ("fan-out and in", |n| dag(&fan(n))),
    ("lattice", |n| dag(&lattice(n))),
    ("fork-join", |n| dag(&fork_join(n))),
    ("map-reduce", |n| dag(&map_reduce(n))),
    ("montage", |n| dag(&montage(n))),
];

/// What each task depends on, by index.
type Edges = Vec<Vec<usize>>;

fn chain(n: usize) -> Edges {
    (0..n).map(|i| if i == 0 { Vec::new() } else { vec![i - 1] }).collect()
}

/// One, then all the others, then one.
fn fan(n: usize) -> Edges {
    (0..n)
        .map(|i| match i {
            0 => Vec::new(),
            _ if i == n - 1 => (1..n - 1).collect(),
            _ => vec![0],
        })
        .collect()
}

/// A square in which each task waits for the one above and the one to the left.
fn lattice(n: usize) -> Edges {
    let side = (n as f64).sqrt() as usize;
    (0..side * side)
        .map(|i| {
            let above = (i >= side).then(|| i - side);
            let left = (i % side != 0).then(|| i - 1);
            above.into_iter().chain(left).collect()
        })
        .collect()
}

/// Rounds of a fork into ten and a join, one after the other: continuous integration of many modules.
fn fork_join(n: usize) -> Edges {
    const WIDTH: usize = 10;
    let mut edges = vec![Vec::new()];
    while edges.len() + WIDTH < n {
        let fork = edges.len() - 1;
        let first = edges.len();
        edges.extend((0..WIDTH).map(|_| vec![fork]));
        edges.push((first..first + WIDTH).collect());
    }
    edges
}

/// Mappers that feed every reducer, and a collector: the joins are where a careless engine becomes quadratic.
fn map_reduce(n: usize) -> Edges {
    let reducers = ((n as f64).log2() as usize).max(2);
    let mappers = n - reducers - 2;
    let mut edges = vec![Vec::new()];
    edges.extend((0..mappers).map(|_| vec![0]));
    edges.extend((0..reducers).map(|_| (1..=mappers).collect()));
    edges.push((mappers + 1..=mappers + reducers).collect());
    edges
}

/// As image mosaics are made: project each picture, compare each pair of neighbours, fit, correct each picture, add up.
fn montage(n: usize) -> Edges {
    let pictures = (n - 3) / 3;
    let mut edges: Edges = (0..pictures).map(|_| Vec::new()).collect();
    edges.extend((0..pictures - 1).map(|i| vec![i, i + 1]));
    let differences = pictures..2 * pictures - 1;
    let fit = edges.len();
    edges.push(differences.collect());
    edges.extend((0..pictures).map(|i| vec![i, fit]));
    let corrected = fit + 1..fit + 1 + pictures;
    edges.push(corrected.collect());
    let add = edges.len() - 1;
    edges.push(vec![add]);
    edges
}

fn dag(edges: &Edges) -> Value {
    let tasks: Vec<Value> = edges
        .iter()
        .enumerate()
        .map(|(i, before)| {
            let dependencies: Vec<String> = before.iter().map(|b| format!("t{b}")).collect();
            json!({"name": format!("t{i}"), "template": "step", "dependencies": dependencies})
        })
        .collect();
    workflow(json!({"name": "main", "dag": {"tasks": tasks}}))
}

/// A workflow whose entrypoint is `main`, with the template `step` beside it.
pub(crate) fn workflow(main: Value) -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow",
        "metadata": {"generateName": "bench-"},
        "spec": {
            "entrypoint": "main",
            "templates": [main, {"name": "step", "container": {"image": "busybox", "command": ["/bin/sh", "-c", ":"]}}],
        },
    })
}
