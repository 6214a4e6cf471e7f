//! Places within a deflated member of an archive.

use serde::{Deserialize, Serialize};

/// A place between two blocks of a deflated member, from which it can be inflated on without what lies before (an access
/// point, as zlib's example `zran` has it); or any place of a stored one.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessPoint {
    /// Offset in the archive of the next byte.
    pub offset: u64,
    /// How many bytes of the member's data come from there on.
    pub compressed_left: u64,
    /// How many bytes of the member, once inflated, lie before it.
    pub inflated_bytes: u64,
    /// CRC-32 of those.
    pub crc32: u32,
    /// How many bits of the byte before belong to the next block, 0 to 7.
    pub bits: u8,
    /// These bits.
    pub bit_buffer: u8,
    /// The last inflated bytes, to which the next block may refer: 32 KiB, or all; base64 in JSON.
    #[serde(with = "crate::base64_bytes")]
    pub window: Vec<u8>,
}

impl std::fmt::Debug for AccessPoint {
    /// Without the window: it is somebody's data.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("AccessPoint")
            .field("offset", &self.offset)
            .field("inflated_bytes", &self.inflated_bytes)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::AccessPoint;

    #[test]
    fn it_is_written_as_messages_on_their_way_have_it() {
        let text = r#"{"offset":12,"compressed_left":7,"inflated_bytes":3,"crc32":99,"bits":5,"bit_buffer":17,"window":"YWIK"}"#;
        let point = AccessPoint {
            offset: 12,
            compressed_left: 7,
            inflated_bytes: 3,
            crc32: 99,
            bits: 5,
            bit_buffer: 17,
            window: b"ab\n".to_vec(),
        };
        assert_eq!(serde_json::from_str::<AccessPoint>(text).unwrap(), point);
        assert_eq!(serde_json::to_string(&point).unwrap(), text);
        assert!(!format!("{point:?}").contains("97"), "no data in a log");
        assert!(serde_json::from_str::<AccessPoint>(&text.replace("YWIK", "?")).is_err());
    }
}
