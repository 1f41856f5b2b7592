//! Files that a person writes for this program: settings, tokens, rules. Read whole, up to a bound, because a name may lead to anything.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Far more than any such file has.
const MAX_BYTES: u64 = 1024 * 1024;

/// The text of the file.
///
/// # Errors
///
/// It cannot be read, is no UTF-8, or has no end within the bound.
pub(crate) fn read_small_file(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {MAX_BYTES} bytes")));
    }
    Ok(text)
}
