//! `google.rpc.Status`: how a gRPC status carries typed details (`grpc-status-details-bin`).

use prost::Message;
use prost_types::Any;

use crate::v1::ErrorDetail;

/// The type URL under which an [`ErrorDetail`] travels.
pub const ERROR_DETAIL_URL: &str = "type.googleapis.com/colchis.v1.ErrorDetail";

/// `google.rpc.Status`, field for field.
#[derive(Clone, PartialEq, Message)]
pub struct RpcStatus {
    /// The gRPC code.
    #[prost(int32, tag = "1")]
    pub code: i32,
    /// The message, for people.
    #[prost(string, tag = "2")]
    pub message: String,
    /// The details.
    #[prost(message, repeated, tag = "3")]
    pub details: Vec<Any>,
}

/// Packs an error's detail into a gRPC status.
pub fn to_status(code: tonic::Code, detail: &ErrorDetail) -> tonic::Status {
    let packed = RpcStatus {
        code: code as i32,
        message: detail.message.clone(),
        details: vec![Any { type_url: ERROR_DETAIL_URL.to_owned(), value: detail.encode_to_vec() }],
    };
    tonic::Status::with_details(code, detail.message.clone(), packed.encode_to_vec().into())
}

/// The detail that a gRPC status carries; `None` when it carries none that can be read (the status of a proxy, for example).
pub fn from_status(status: &tonic::Status) -> Option<ErrorDetail> {
    let packed = RpcStatus::decode(status.details()).ok()?;
    let detail = packed.details.iter().find(|detail| detail.type_url == ERROR_DETAIL_URL)?;
    ErrorDetail::decode(detail.value.as_slice()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_detail_survives_the_status() {
        let detail = ErrorDetail {
            code: "Conflict".to_owned(),
            message: "somebody else wrote first".to_owned(),
            hints: vec!["read it again".to_owned()],
            ..Default::default()
        };
        let status = to_status(tonic::Code::Aborted, &detail);
        assert_eq!(status.code(), tonic::Code::Aborted);
        assert_eq!(from_status(&status), Some(detail));
    }

    #[test]
    fn foreign_details_are_no_detail() {
        assert_eq!(from_status(&tonic::Status::internal("x")), None);
        assert_eq!(from_status(&tonic::Status::with_details(tonic::Code::Internal, "x", vec![0xff; 9].into())), None);
    }
}
