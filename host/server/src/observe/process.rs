//! What every dashboard asks of a process: CPU, memory, open files, start, version.

use std::fmt::Write as _;
use std::sync::Arc;

use super::exposition::Render;

/// Reads the process's own figures at each scrape. Where there is no `/proc`, only the start and the version are told.
pub fn part() -> Render {
    let started = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    Arc::new(move |out| {
        family(out, "process_start_time_seconds", "Start of the process since the Unix epoch", "gauge", started);
        let version = env!("CARGO_PKG_VERSION");
        family(out, &format!("argo_workflows_version{{version=\"{version}\"}}"), "Build of the server", "gauge", 1.0);
        let Some(figures) = figures() else { return };
        family(out, "process_cpu_seconds_total", "Processor time spent", "counter", figures.cpu_seconds);
        family(out, "process_resident_memory_bytes", "Memory in use", "gauge", figures.resident_bytes);
        family(out, "process_virtual_memory_bytes", "Address space in use", "gauge", figures.virtual_bytes);
        family(out, "process_open_fds", "Open files", "gauge", figures.open_files);
        family(out, "process_threads", "Threads", "gauge", figures.threads);
    })
}

/// One metric with one sample; `sample` may have labels.
pub fn family(out: &mut String, sample: &str, help: &str, kind: &str, value: f64) {
    let name = sample.split('{').next().unwrap_or(sample);
    // Writing to a String cannot fail.
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n{sample} {value}");
}

struct Figures {
    cpu_seconds: f64,
    resident_bytes: f64,
    virtual_bytes: f64,
    open_files: f64,
    threads: f64,
}

/// `/proc/self/stat` after the command's closing parenthesis: state is field 3, user and system ticks 14 and 15, threads 20, address space 23, resident
/// pages 24.
#[cfg(target_os = "linux")]
fn figures() -> Option<Figures> {
    #[allow(clippy::cast_precision_loss, reason = "figures for a graph")]
    fn number(text: &str) -> Option<f64> {
        text.parse::<u64>().ok().map(|n| n as f64)
    }
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let field = |n: usize| fields.get(n - 3).copied().and_then(number);
    #[allow(clippy::cast_precision_loss, reason = "figures for a graph")]
    let ticks = rustix::param::clock_ticks_per_second() as f64;
    #[allow(clippy::cast_precision_loss, reason = "figures for a graph")]
    let page = rustix::param::page_size() as f64;
    #[allow(clippy::cast_precision_loss, reason = "figures for a graph")]
    let open_files = std::fs::read_dir("/proc/self/fd").map(Iterator::count).unwrap_or_default() as f64;
    Some(Figures {
        cpu_seconds: (field(14)? + field(15)?) / ticks,
        resident_bytes: field(24)? * page,
        virtual_bytes: field(23)?,
        open_files,
        threads: field(20)?,
    })
}

#[cfg(not(target_os = "linux"))]
fn figures() -> Option<Figures> {
    None
}

#[cfg(test)]
mod tests {
    use super::super::exposition::Exposition;
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn the_process_is_on_the_page() {
        let exposition = Exposition::new();
        exposition.add(part());
        let page = exposition.page();
        for name in ["process_cpu_seconds_total ", "process_resident_memory_bytes ", "argo_workflows_version{version="]
        {
            let line = page.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name}: {page}"));
            assert!(line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap() >= 0.0);
        }
    }
}
