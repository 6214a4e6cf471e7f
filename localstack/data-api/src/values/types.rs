//! PostgreSQL's types as the service knows them. The JDBC numbers and sizes are those of pgjdbc, which the service's
//! answers show.

/// How a value of a type is returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Bool,
    /// `int2`, `int4`, `int8`.
    Long,
    /// `float4`, `float8`.
    Double,
    Numeric,
    /// Whatever is returned as its text.
    Text,
    Bytes,
    /// Text without its offset, which is UTC's.
    TimestampTz,
    /// The service refuses it.
    Unsupported,
}

/// A type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PgType {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) jdbc: i32,
    /// For an array: its elements' JDBC number; `kind` is then the elements' kind.
    pub(crate) element_jdbc: Option<i32>,
}

pub(crate) const JDBC_VARCHAR: i32 = 12;
pub(crate) const JDBC_OTHER: i32 = 1111;
const JDBC_ARRAY: i32 = 2003;

pub(crate) const BOOL: u32 = 16;
pub(crate) const BYTEA: u32 = 17;
pub(crate) const INT8: u32 = 20;
pub(crate) const TEXT: u32 = 25;
pub(crate) const FLOAT8: u32 = 701;
pub(crate) const DATE: u32 = 1082;
pub(crate) const TIME: u32 = 1083;
pub(crate) const TIMESTAMP: u32 = 1114;
pub(crate) const NUMERIC: u32 = 1700;
pub(crate) const UUID: u32 = 2950;
pub(crate) const JSONB: u32 = 3802;

/// OID, array's OID, name, kind, JDBC number.
#[rustfmt::skip]
const BUILT_IN: &[(u32, u32, &str, Kind, i32)] = &[
    (BOOL,      1000, "bool",        Kind::Bool,        -7),
    (BYTEA,     1001, "bytea",       Kind::Bytes,       -2),
    (19,        1003, "name",        Kind::Text,        JDBC_VARCHAR),
    (INT8,      1016, "int8",        Kind::Long,        -5),
    (21,        1005, "int2",        Kind::Long,        5),
    (23,        1007, "int4",        Kind::Long,        4),
    (TEXT,      1009, "text",        Kind::Text,        JDBC_VARCHAR),
    (114,        199, "json",        Kind::Text,        JDBC_OTHER),
    (650,        651, "cidr",        Kind::Text,        JDBC_OTHER),
    (700,       1021, "float4",      Kind::Double,      7),
    (FLOAT8,    1022, "float8",      Kind::Double,      8),
    (869,       1041, "inet",        Kind::Text,        JDBC_OTHER),
    (1042,      1014, "bpchar",      Kind::Text,        1),
    (1043,      1015, "varchar",     Kind::Text,        JDBC_VARCHAR),
    (DATE,      1182, "date",        Kind::Text,        91),
    (TIME,      1183, "time",        Kind::Text,        92),
    (TIMESTAMP, 1115, "timestamp",   Kind::Text,        93),
    (1184,      1185, "timestamptz", Kind::TimestampTz, 93),
    (NUMERIC,   1231, "numeric",     Kind::Numeric,     2),
    (UUID,      2951, "uuid",        Kind::Text,        JDBC_OTHER),
    (JSONB,     3807, "jsonb",       Kind::Text,        JDBC_OTHER),
];

impl PgType {
    /// A type that every PostgreSQL has and the service returns.
    pub(crate) fn built_in(oid: u32) -> Option<Self> {
        BUILT_IN
            .iter()
            .find_map(|(own, array, name, kind, jdbc)| match oid {
                oid if oid == *own => Some(Self::scalar(name, *kind, *jdbc)),
                oid if oid == *array => Some(Self::array(&format!("_{name}"), *kind, *jdbc)),
                _ => None,
            })
    }

    pub(crate) fn scalar(name: &str, kind: Kind, jdbc: i32) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            jdbc,
            element_jdbc: None,
        }
    }

    /// An array; of bytes it is not supported.
    pub(crate) fn array(name: &str, element: Kind, element_jdbc: i32) -> Self {
        let kind = if element == Kind::Bytes {
            Kind::Unsupported
        } else {
            element
        };
        Self {
            name: name.to_owned(),
            kind,
            jdbc: JDBC_ARRAY,
            element_jdbc: Some(element_jdbc),
        }
    }

    pub(crate) fn unsupported(name: &str) -> Self {
        Self::scalar(name, Kind::Unsupported, JDBC_OTHER)
    }

    pub(crate) fn is_array(&self) -> bool {
        self.element_jdbc.is_some()
    }
}
