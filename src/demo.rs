//! `progress-bridge demo`: a simulated runner works in a temporary folder, and the program watches it.
//!
//! The simulation lies here alone: the example `simulate_runner` and the tests use it, too. What a real run looks like is not for it to
//! decide; the files have the texts and the ways of writing of real runners.

pub mod family;
pub mod shop;
pub mod simulation;
pub mod write;

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use self::simulation::{Script, Simulation};
use crate::app::{self, Bridge, ExitReason, Signals};
use crate::config::{self, Config};
use crate::error::Error;

/// What is simulated, and how it is shown.
#[derive(Debug, PartialEq)]
pub struct DemoRequest {
    /// Who writes what.
    pub script: Script,
    /// The time between two writes.
    pub step: Duration,
    /// The settings of the bridge; its files are those of the simulation.
    pub config: Config,
}

/// Runs the simulation and the bridge until a signal or the settings end them; the folder is removed.
///
/// # Errors
///
/// The temporary folder cannot be written, or as [`app::run`].
pub async fn run(request: DemoRequest, mut signals: Signals) -> Result<ExitReason, Error> {
    let DemoRequest { script, step, mut config } = request;
    let temporary = TemporaryFolder::create().map_err(|cause| Error::Io {
        what: "cannot make a folder for the demo in".to_owned(),
        path: Some(std::env::temp_dir()),
        cause,
        hint: "let TMPDIR name a folder that this user may write",
    })?;
    let folder = temporary.path.join("shop");
    let unwritable = |cause| Error::Io {
        what: "cannot write into".to_owned(),
        path: Some(folder.clone()),
        cause,
        hint: "make room there, or let TMPDIR name another folder",
    };
    let (running, stop) = sync_channel(1);
    let simulation = Simulation { folder: folder.clone(), script, step, report: |_| {}, stop };
    simulation.prepare().map_err(unwritable)?;
    config.watch.paths = vec![folder.clone()];
    let messages = vec![
        format!("a make-believe runner is at work in {}", folder.display()),
        "Ctrl-C ends the demo and removes it; your own run: progress-bridge --stream".to_owned(),
    ];
    let bridge = Bridge::start_with(config, messages).await?;
    let simulated = thread::spawn(move || simulation.run());
    let ended = bridge.until(async || signals.next().await).await;
    drop(running);
    match simulated.join() {
        Ok(Ok(())) | Err(_) => {}
        Ok(Err(cause)) if cause.kind() == io::ErrorKind::Interrupted => {}
        Ok(Err(cause)) => app::print(&format!("the make-believe runner stopped early: {cause}\n")),
    }
    ended
}

/// A folder for its owner alone; removed with its content when dropped.
struct TemporaryFolder {
    path: PathBuf,
}

impl TemporaryFolder {
    /// The name cannot be guessed, and a folder that is there already is never taken: others may write where this one lies.
    fn create() -> io::Result<Self> {
        let name = format!("progress-bridge-demo-{}", &config::random_secret()[..12]);
        let path = real_path(&std::env::temp_dir()).join(name);
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(TemporaryFolder { path })
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        if let Err(cause) = std::fs::remove_dir_all(&self.path) {
            app::print(&format!("cannot remove {}: {cause}; remove it yourself\n", self.path.display()));
        }
    }
}

/// Without links, so that it is shown as it is watched.
fn real_path(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}
