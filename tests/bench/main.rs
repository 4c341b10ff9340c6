//! The bench: named workloads against the real server, over gRPC, everything client-side included, with fsync on.
//!
//! ```text
//!   bench [NAME…] [--out FILE] [--rounds N]
//!     for each workload: a server of its own ──► rows {workload, metric, unit, value, target, meets}
//! ```
//!
//! What a step is: in W1 and W3 `/bin/sh -c :` as a process in namespaces of its own on the machine's root; in W4, W5 and W6 virtual, so that what is
//! measured is the server and not the machine's process start. Ratios stand beside figures of the same run, because machines differ.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a measuring program ends at the first surprise and talks to its user"
)]

mod machine;
mod report;
mod shapes;
mod workloads;

use std::path::PathBuf;

use report::Report;

/// What was asked for on the command line.
struct Asked {
    names: Vec<String>,
    out: Option<PathBuf>,
    rounds: usize,
}

fn main() -> anyhow::Result<()> {
    let asked = asked()?;
    if asked.names.iter().any(|n| n == "list") {
        for workload in workloads::ALL {
            println!("{:<11}{}{}", workload.name, workload.what, if workload.long { " (only when named)" } else { "" });
        }
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut report = Report::new();
    for workload in workloads::ALL {
        let named = asked.names.iter().any(|n| n.eq_ignore_ascii_case(workload.name));
        if !named && (workload.long || !asked.names.is_empty()) {
            continue;
        }
        eprintln!("{}: {} …", workload.name, workload.what);
        for row in runtime.block_on((workload.run)(asked.rounds)) {
            eprintln!("  {row}");
            report.add(row);
        }
    }
    anyhow::ensure!(!report.is_empty(), "no workload of that name; `list` shows them");
    println!("{}", report.table());
    if let Some(out) = asked.out {
        std::fs::write(&out, report.json()?)?;
    }
    Ok(())
}

fn asked() -> anyhow::Result<Asked> {
    let mut asked = Asked { names: Vec::new(), out: None, rounds: 5 };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| anyhow::anyhow!("{word} needs a value"));
        match word.as_str() {
            "--out" => asked.out = Some(value()?.into()),
            "--rounds" => asked.rounds = value()?.parse()?,
            name => asked.names.push(name.to_owned()),
        }
    }
    Ok(asked)
}
