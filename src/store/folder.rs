//! The folder of the store: private, and nobody else's. Every file is judged by what was opened, and nothing foreign is touched.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

/// The names that this program gives to what it keeps; each also with `.new` while it is written.
const OWN_NAMES: [&str; 4] = ["lock", super::SNAPSHOT, super::NOTIFICATIONS, super::journal::NAME];

/// Why a folder cannot be the store's: the path, and what is wrong with it.
#[derive(Debug)]
pub(super) struct Unusable(pub(super) String);

/// Creates the folder if it is missing, and makes it private if it is this user's.
pub(super) fn prepare(folder: &Path) -> Result<(), Unusable> {
    let unusable =
        |cause: io::Error| Unusable(format!("{}: cannot be used ({cause}): name a folder that this user may write", folder.display()));
    let own_user = rustix::process::geteuid().as_raw();
    // Without a slash at its end, which would ask for what a link leads to.
    let name: PathBuf = folder.components().collect();
    if name.symlink_metadata().is_ok_and(|meta| meta.is_symlink() && ![0, own_user].contains(&meta.uid())) {
        return Err(Unusable(format!("{}: is a link that another user made: name the folder itself", folder.display())));
    }
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(unusable)?;
    let meta = folder.metadata().map_err(unusable)?;
    if meta.uid() != own_user {
        return Err(Unusable(format!("{}: belongs to another user: name a folder of your own", folder.display())));
    }
    if meta.permissions().mode() & 0o077 != 0 {
        if holds_other_files(folder).map_err(unusable)? {
            return Err(Unusable(format!(
                "{}: holds other things and is open to other users: name a folder that is not there yet, or make it yours alone (chmod 700)",
                folder.display()
            )));
        }
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).map_err(unusable)?;
    }
    Ok(())
}

/// Whether anything in it has a name that this program does not give. Such a folder, as a home is one, is not ours to close.
fn holds_other_files(folder: &Path) -> io::Result<bool> {
    let is_other = |name: &str| !OWN_NAMES.contains(&name.strip_suffix(".new").unwrap_or(name));
    for entry in folder.read_dir()? {
        if entry?.file_name().to_str().is_none_or(is_other) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The content of a file that this program wrote; `None` when there is none.
///
/// Every file of ours begins with `prefix`; a crash of the machine may leave it empty or full of zeros.
pub(super) fn read_own(path: &Path, prefix: &[u8]) -> Result<Option<Vec<u8>>, Unusable> {
    let Some(mut file) = open_own(path, File::options().read(true))? else { return Ok(None) };
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(|cause| Unusable(format!("{}: cannot be read ({cause}): name another folder", path.display())))?;
    if bytes.starts_with(prefix) || bytes.iter().all(|byte| *byte == 0) || bytes.iter().take(3).all(|byte| *byte == 0) {
        Ok(Some(bytes))
    } else {
        Err(foreign(path))
    }
}

/// Opens, or creates, the empty file that is locked.
pub(super) fn open_lock(path: &Path) -> Result<File, Unusable> {
    if let Some(file) = open_own(path, File::options().read(true).write(true))? {
        return match file.metadata() {
            Ok(meta) if meta.len() == 0 => Ok(file),
            Ok(_) | Err(_) => Err(foreign(path)),
        };
    }
    create(path)
        .map_err(|cause| Unusable(format!("{}: cannot be written ({cause}): name a folder that this user may write", path.display())))
}

/// Opens a file without following a link and without waiting for a pipe; it must be a regular file with one name.
fn open_own(path: &Path, options: &mut OpenOptions) -> Result<Option<File>, Unusable> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = match options.custom_flags(flags.bits().cast_signed()).open(path) {
        Ok(file) => file,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(cause) if path.symlink_metadata().is_ok_and(|meta| !meta.is_file()) => {
            return Err(Unusable(format!("{}: is no regular file ({cause}): move it away, or name another folder", path.display())));
        }
        Err(cause) => {
            return Err(Unusable(format!(
                "{}: cannot be opened ({cause}): name a folder that this user may read and write",
                path.display()
            )));
        }
    };
    match file.metadata() {
        Ok(meta) if meta.is_file() && meta.nlink() == 1 => Ok(Some(file)),
        Ok(_) => Err(Unusable(format!("{}: is no regular file of its own: move it away, or name another folder", path.display()))),
        Err(cause) => Err(Unusable(format!("{}: cannot be read ({cause}): name another folder", path.display()))),
    }
}

/// Removes what a killed process left half-written, if it is ours.
pub(super) fn remove_own_leftover(path: &Path, prefix: &[u8]) -> Result<(), Unusable> {
    if read_own(path, prefix)?.is_some() {
        fs::remove_file(path).map_err(|cause| {
            Unusable(format!("{}: cannot be removed ({cause}): remove it yourself, or name another folder", path.display()))
        })?;
    }
    Ok(())
}

/// Replaces the file atomically: a reader sees the old content or the new one.
pub(super) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    let written = create(&new).and_then(|mut file| file.write_all(content)).and_then(|()| fs::rename(&new, path));
    if written.as_ref().is_err_and(|cause| cause.kind() != io::ErrorKind::AlreadyExists) {
        // On a full disk the partial file would take space from everybody.
        let _is_missing = fs::remove_file(&new).is_err();
    }
    written
}

/// A new file that only this user may read. What stands there already is not opened.
fn create(path: &Path) -> io::Result<File> {
    File::options().read(true).write(true).create_new(true).mode(0o600).open(path)
}

/// Opens a file of ours to append to it.
pub(super) fn open_to_append(path: &Path) -> io::Result<File> {
    let file = File::options().append(true).custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed()).open(path)?;
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    Ok(file)
}

fn foreign(path: &Path) -> Unusable {
    Unusable(format!("{}: was not written by this program, and is left as it is: name another folder", path.display()))
}
