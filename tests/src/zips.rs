//! Zip archives as tests want them, also as no program writes them.

/// A member, and what the directory says of it.
#[derive(Debug, Clone)]
pub struct ZipMember {
    /// Its name.
    pub name: String,
    /// Its bytes in the archive.
    pub data: Vec<u8>,
    /// 0 for stored, 8 for deflated.
    pub method: u16,
    /// The flags; bit 0 is set for an encrypted member.
    pub flags: u16,
    /// The size that is declared.
    pub bytes: u32,
    /// The checksum that is declared.
    pub crc32: u32,
}

impl ZipMember {
    /// A deflated member that is what it declares.
    #[must_use]
    pub fn deflated(name: &str, bytes: &[u8]) -> Self {
        Self {
            data: miniz_oxide::deflate::compress_to_vec(bytes, 6),
            method: 8,
            ..Self::stored(name, bytes)
        }
    }

    /// A stored member that is what it declares.
    #[must_use]
    pub fn stored(name: &str, bytes: &[u8]) -> Self {
        Self {
            name: name.to_owned(),
            data: bytes.to_vec(),
            method: 0,
            flags: 0,
            bytes: u32::try_from(bytes.len()).unwrap(),
            crc32: crc32fast::hash(bytes),
        }
    }

    /// What local header and directory have in common.
    fn fields(&self) -> Vec<u8> {
        let mut fields = Vec::new();
        for number in [20, self.flags, self.method, 0, 0] {
            fields.extend(number.to_le_bytes());
        }
        for number in [self.crc32, u32::try_from(self.data.len()).unwrap(), self.bytes] {
            fields.extend(number.to_le_bytes());
        }
        fields.extend(u16::try_from(self.name.len()).unwrap().to_le_bytes());
        fields.extend([0, 0]);
        fields
    }
}

/// An archive of members, in their order.
#[must_use]
pub fn zip(members: &[ZipMember]) -> Vec<u8> {
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for member in members {
        let offset = u32::try_from(archive.len()).unwrap();
        archive.extend(b"PK\x03\x04");
        archive.extend(member.fields());
        archive.extend(member.name.bytes());
        archive.extend(&member.data);
        directory.extend(b"PK\x01\x02\x14\x03");
        directory.extend(member.fields());
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(member.name.bytes());
    }
    let count = u16::try_from(members.len()).unwrap().to_le_bytes();
    let offset = u32::try_from(archive.len()).unwrap().to_le_bytes();
    let length = u32::try_from(directory.len()).unwrap().to_le_bytes();
    archive.extend(directory);
    archive.extend(b"PK\x05\x06\0\0\0\0");
    archive.extend([count, count].concat());
    archive.extend([length, offset].concat());
    archive.extend([0, 0]);
    archive
}
