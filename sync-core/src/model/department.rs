//! Departments (部门): data, not an enumeration; those the rule book speaks of have a constant.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A department's code: 1 to 40 lower-case letters, digits and underscores (R0.6).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Department(Cow<'static, str>);

/// A code of another shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a department's code has 1 to 40 lower-case letters, digits and underscores")]
pub struct BadDepartment;

impl Department {
    /// 客服
    pub const CUSTOMER_SERVICE: Self = Self::known("customer_service");
    /// 工程
    pub const ENGINEERING: Self = Self::known("engineering");
    /// 保洁
    pub const CLEANING: Self = Self::known("cleaning");
    /// 保安
    pub const SECURITY: Self = Self::known("security");
    /// 管业
    pub const PROPERTY: Self = Self::known("property");
    /// 经营
    pub const OPERATIONS: Self = Self::known("operations");
    /// 品质
    pub const QUALITY: Self = Self::known("quality");

    /// Those with a constant, which have texts in the catalogues.
    pub const KNOWN: [Self; 7] = [
        Self::CUSTOMER_SERVICE,
        Self::ENGINEERING,
        Self::CLEANING,
        Self::SECURITY,
        Self::PROPERTY,
        Self::OPERATIONS,
        Self::QUALITY,
    ];

    const fn known(code: &'static str) -> Self {
        Self(Cow::Borrowed(code))
    }

    /// The code.
    pub fn code(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Department {
    type Error = BadDepartment;

    fn try_from(code: String) -> Result<Self, BadDepartment> {
        let fits = (1..=40).contains(&code.len());
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if fits && code.bytes().all(plain) {
            Ok(Self(Cow::Owned(code)))
        } else {
            Err(BadDepartment)
        }
    }
}

impl FromStr for Department {
    type Err = BadDepartment;

    fn from_str(code: &str) -> Result<Self, BadDepartment> {
        Self::try_from(code.to_owned())
    }
}

impl From<Department> for String {
    fn from(department: Department) -> Self {
        department.0.into_owned()
    }
}

impl fmt::Display for Department {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R0.6
    #[test]
    fn a_department_is_a_plain_code() {
        for code in ["customer_service", "b2", "x"] {
            assert_eq!(code.parse::<Department>().expect("plain").code(), code);
        }
        for code in ["", "Customer", "客服", "a b", &"x".repeat(41)] {
            assert_eq!(code.parse::<Department>(), Err(BadDepartment), "{code}");
        }
        assert_eq!("cleaning".parse(), Ok(Department::CLEANING));
        assert!(serde_json::from_str::<Department>("\"No\"").is_err());
    }
}
