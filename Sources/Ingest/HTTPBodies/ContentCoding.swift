internal import Encoding

/// How a body is compressed, from its `Content-Encoding` or its protocol's custom.
package enum ContentCoding: String, Sendable, Hashable, CaseIterable {
    case identity
    /// gzip, and what is sent as `deflate`: zlib or bare.
    case gzip
    /// The block format of remote write and Loki pushes, not the framed one.
    case snappy

    /// From a header's value, in any case; nil for a coding that is not spoken here. An absent or
    /// empty header is `identity`.
    package init?(header: String?) {
        switch header?.lowercased() ?? "" {
        case "", "identity": self = .identity
        case "gzip", "x-gzip", "deflate", "zlib": self = .gzip
        case "snappy": self = .snappy
        default: return nil
        }
    }

    /// The content of `body`: never more than `decodedBytesMax`, whatever the body claims.
    package func decode(_ body: [UInt8], limits: IngestLimits) throws(IngestError) -> [UInt8] {
        if body.count > limits.bodyBytesMax {
            throw .tooLarge(limit: "body-max", bytesMax: limits.bodyBytesMax)
        }
        do {
            switch self {
            case .identity: return body
            case .gzip: return try Gzip.decompress(body, limit: limits.decodedBytesMax)
            case .snappy: return try SnappyBlock.decompress(body, limit: limits.decodedBytesMax)
            }
        } catch EncodingError.tooLarge {
            throw .tooLarge(limit: "body-decoded-max", bytesMax: limits.decodedBytesMax)
        } catch {
            throw .badCoding(coding: rawValue, detail: "\(error)")
        }
    }
}
