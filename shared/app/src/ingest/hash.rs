//! The hash of an object that passes, in one message or in several.

use millrace_core::content_hash::ContentHash;
use millrace_core::failure::{Failure, FailureKind};
use sha2::digest::common::hazmat::{SerializableState as _, SerializedState};
use sha2::{Digest as _, Sha256};

/// The SHA-256 of the bytes that have passed, and how many they are.
#[derive(Default)]
pub(super) struct PassedHash {
    hash: Sha256,
    bytes: u64,
    /// Bytes to come that have been hashed before.
    known_bytes: u64,
}

impl PassedHash {
    /// Goes on behind so many bytes, from a state that [`Self::state`] wrote. What comes begins at an offset before that.
    ///
    /// # Errors
    /// [`Failure`] where it is no such state.
    pub(super) fn resume(bytes: u64, state: &str, offset: u64) -> Result<Self, Failure> {
        let unreadable = || Failure::invalid("ingest.hash", "the state of the hash cannot be read");
        let mut read = SerializedState::<Sha256>::default();
        if !state.is_ascii() || state.len() != 2 * read.len() {
            return Err(unreadable());
        }
        for (at, byte) in read.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&state[2 * at..2 * at + 2], 16).map_err(|_| unreadable())?;
        }
        Ok(Self {
            hash: Sha256::deserialize(&read).map_err(|_| unreadable())?,
            bytes,
            known_bytes: bytes.saturating_sub(offset),
        })
    }

    /// The state behind the bytes that have passed, hexadecimal.
    pub(super) fn state(&self) -> String {
        let state = self.hash.serialize();
        state.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// How many bytes have passed.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn pass(&mut self, bytes: &[u8]) {
        let known = usize::try_from(self.known_bytes)
            .unwrap_or(usize::MAX)
            .min(bytes.len());
        self.known_bytes -= known as u64;
        let new = &bytes[known..];
        self.hash.update(new);
        self.bytes += new.len() as u64;
    }

    /// Whether as many bytes have passed as the object has: what was read short is not a shorter file.
    ///
    /// # Errors
    /// [`Failure`], to be tried again, where they are more or fewer.
    pub(super) fn check_size(&self, size_bytes: u64) -> Result<(), Failure> {
        match self.bytes == size_bytes {
            true => Ok(()),
            false => {
                let why = format!("{} bytes of the object's {size_bytes} were read", self.bytes);
                Err(Failure::explained(FailureKind::Transient, "ingest.read", why))
            }
        }
    }

    /// The hash of all that has passed.
    pub(super) fn finish(self) -> ContentHash {
        ContentHash::from(<[u8; 32]>::from(self.hash.finalize()))
    }
}

#[cfg(test)]
mod tests {
    use super::PassedHash;

    #[test]
    fn a_hash_goes_on_from_its_state_wherever_the_bytes_begin_again() {
        let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(1_000).collect();
        let mut whole = PassedHash::default();
        whole.pass(&bytes);
        let expected = whole.finish();
        for (stops, begins) in [
            (0, 0),
            (1, 0),
            (64, 64),
            (130, 7),
            (999, 998),
            (1_000, 500),
            (1_000, 1_000),
        ] {
            let mut first = PassedHash::default();
            first.pass(&bytes[..stops]);
            let mut next = PassedHash::resume(first.bytes(), &first.state(), begins as u64).unwrap();
            for piece in bytes[begins..].chunks(3) {
                next.pass(piece);
            }
            assert_eq!(next.bytes(), 1_000);
            assert_eq!(next.finish(), expected, "{stops} {begins}");
        }
        for wrong in ["", "00", &"é".repeat(105), &"zz".repeat(105)] {
            assert!(PassedHash::resume(0, wrong, 0).is_err(), "{wrong}");
        }
    }
}
