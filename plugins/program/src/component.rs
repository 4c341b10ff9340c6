//! The program as a component: actions by WASI's interfaces.

#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "generated"
)]
mod bindings {
    wit_bindgen::generate!({
        inline: "
            package colchis:program;
            world program {
                import wasi:cli/environment@0.2.12;
                import wasi:cli/exit@0.2.12;
                import wasi:cli/stdout@0.2.12;
                import wasi:cli/stderr@0.2.12;
                import wasi:clocks/monotonic-clock@0.2.12;
                import wasi:filesystem/types@0.2.12;
                import wasi:filesystem/preopens@0.2.12;
                import wasi:http/outgoing-handler@0.2.12;
                export wasi:cli/run@0.2.12;
            }
        ",
        path: [
            "../../wit/deps/io.wit",
            "../../wit/deps/clocks.wit",
            "../../wit/deps/random.wit",
            "../../wit/deps/filesystem.wit",
            "../../wit/deps/sockets.wit",
            "../../wit/deps/cli.wit",
            "../../wit/deps/http.wit",
        ],
        generate_all,
    });
}

use bindings::wasi::cli::{environment, exit, stderr, stdout};
use bindings::wasi::clocks::monotonic_clock;
use bindings::wasi::filesystem::preopens::get_directories;
use bindings::wasi::filesystem::types::{Descriptor, DescriptorFlags, OpenFlags, PathFlags};
use bindings::wasi::http::outgoing_handler;
use bindings::wasi::http::types::{Fields, OutgoingRequest};
use bindings::wasi::io::streams::{OutputStream, StreamError};

use crate::Action;

/// Bytes of a piece that is read or written at once.
const PIECE_BYTES: usize = 4096;
/// What it ends with when something cannot be done.
const CANNOT: u8 = 2;

struct Program;

bindings::export!(Program with_types_in bindings);

impl bindings::exports::wasi::cli::run::Guest for Program {
    fn run() -> Result<(), ()> {
        for argument in environment::get_arguments().iter().skip(1) {
            match Action::parse(argument).and_then(perform) {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(why) if why.is_empty() => return Err(()),
                Err(why) => {
                    let _ = line(&stderr::get_stderr(), &why);
                    exit::exit_with_code(CANNOT);
                }
            }
        }
        Ok(())
    }
}

/// Does one thing; false when nothing more is to be done. An empty error is the plain failure.
fn perform(action: Action) -> Result<bool, String> {
    let out = stdout::get_stdout();
    match action {
        Action::Script(path) => {
            for line in String::from_utf8_lossy(&read(&path)?).lines() {
                if !Action::parse(line).and_then(perform)? {
                    return Ok(false);
                }
            }
        }
        Action::Print(text) => line(&out, &text)?,
        Action::Error(text) => line(&stderr::get_stderr(), &text)?,
        Action::Args => line(&out, &environment::get_arguments().join("\n"))?,
        Action::Env(name) => {
            let all = environment::get_environment();
            let value = all.into_iter().find(|(of, _)| *of == name).map(|(_, value)| value);
            line(&out, &value.unwrap_or_else(|| format!("{name} is not set")))?;
        }
        Action::Cwd => line(&out, &environment::initial_cwd().unwrap_or_default())?,
        Action::Read(path) => line(&out, &String::from_utf8_lossy(&read(&path)?))?,
        Action::List(path) => line(&out, &list(&path)?.join("\n"))?,
        Action::Write(path, text) => write(&path, text.as_bytes())?,
        Action::Copy(from, to) => write(&to, &read(&from)?)?,
        Action::Folder(path) => {
            let (folder, below) = find(&path)?;
            folder.create_directory_at(&below).map_err(|code| format!("{path}: {code}"))?;
        }
        Action::Link(target, path) => {
            let (folder, below) = find(&path)?;
            folder.symlink_at(&target, &below).map_err(|code| format!("{path}: {code}"))?;
        }
        Action::Goes { path, there } => {
            return Ok(open(&path, OpenFlags::empty(), DescriptorFlags::READ).is_ok() == there);
        }
        Action::Sleep(ms) => monotonic_clock::subscribe_duration(ms.saturating_mul(1_000_000)).block(),
        Action::Spin => spin(),
        Action::Eat(mebibytes) => {
            let eaten: Vec<Vec<u8>> = (0..mebibytes).map(|_| vec![1; 1 << 20]).collect();
            line(&out, &format!("{} MiB", std::hint::black_box(&eaten).len()))?;
        }
        Action::Get(host) => line(&out, &get(&host))?,
        Action::Exit(code) => exit::exit_with_code(code),
        Action::Fail => return Err(String::new()),
        Action::Trap => core::arch::wasm32::unreachable(),
    }
    Ok(true)
}

fn spin() {
    let mut turns = 0_u64;
    while std::hint::black_box(turns) < u64::MAX {
        turns += 1;
    }
}

fn line(stream: &OutputStream, text: &str) -> Result<(), String> {
    put(stream, format!("{text}\n").as_bytes())
}

fn put(stream: &OutputStream, bytes: &[u8]) -> Result<(), String> {
    for piece in bytes.chunks(PIECE_BYTES) {
        stream.blocking_write_and_flush(piece).map_err(|error| format!("write: {error}"))?;
    }
    Ok(())
}

/// The deepest folder that a path lies in, and the path as it is called there.
fn find(path: &str) -> Result<(Descriptor, String), String> {
    let fits = |folder: &str| {
        let folder = folder.trim_end_matches('/');
        let rest = path.strip_prefix(folder)?;
        (rest.is_empty() || rest.starts_with('/')).then(|| rest.trim_start_matches('/').to_owned())
    };
    let around = get_directories().into_iter().filter_map(|(folder, name)| Some((name.len(), folder, fits(&name)?)));
    let (_, folder, below) = around.max_by_key(|(length, ..)| *length).ok_or(format!("{path}: in no folder"))?;
    Ok((folder, if below.is_empty() { ".".to_owned() } else { below }))
}

fn open(path: &str, how: OpenFlags, what: DescriptorFlags) -> Result<Descriptor, String> {
    let (folder, below) = find(path)?;
    folder.open_at(PathFlags::SYMLINK_FOLLOW, &below, how, what).map_err(|code| format!("{path}: {code}"))
}

fn read(path: &str) -> Result<Vec<u8>, String> {
    let file = open(path, OpenFlags::empty(), DescriptorFlags::READ)?;
    let stream = file.read_via_stream(0).map_err(|code| format!("{path}: {code}"))?;
    let mut bytes = Vec::new();
    loop {
        match stream.blocking_read(PIECE_BYTES as u64) {
            Ok(piece) => bytes.extend(piece),
            Err(StreamError::Closed) => return Ok(bytes),
            Err(error) => return Err(format!("{path}: {error}")),
        }
    }
}

fn write(path: &str, bytes: &[u8]) -> Result<(), String> {
    let file = open(path, OpenFlags::CREATE | OpenFlags::TRUNCATE, DescriptorFlags::WRITE)?;
    let stream = file.write_via_stream(0).map_err(|code| format!("{path}: {code}"))?;
    put(&stream, bytes)
}

fn list(path: &str) -> Result<Vec<String>, String> {
    let told = |code| format!("{path}: {code}");
    let entries = open(path, OpenFlags::DIRECTORY, DescriptorFlags::READ)?.read_directory().map_err(told)?;
    let mut names = Vec::new();
    while let Some(entry) = entries.read_directory_entry().map_err(told)? {
        names.push(entry.name);
    }
    names.sort();
    Ok(names)
}

/// What became of a request.
fn get(host: &str) -> String {
    let request = OutgoingRequest::new(Fields::new());
    let made = request.set_authority(Some(host)).and_then(|()| request.set_path_with_query(Some("/")));
    if made.is_err() {
        return "no request".to_owned();
    }
    let answer = match outgoing_handler::handle(request, None) {
        Ok(answer) => answer,
        Err(code) => return format!("refused: {code}"),
    };
    answer.subscribe().block();
    match answer.get() {
        Some(Ok(Ok(response))) => format!("answered: {}", response.status()),
        Some(Ok(Err(code))) => format!("refused: {code}"),
        _ => "no answer".to_owned(),
    }
}
