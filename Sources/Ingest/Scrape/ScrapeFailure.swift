/// Why a scrape brought nothing. Then `up` is 0 and the target's series end.
package struct ScrapeFailure: Error, Sendable, Hashable, CustomStringConvertible {
    /// The raw value is the `reason` label of the counter.
    package enum Reason: String, Sendable, Hashable, CaseIterable {
        /// A file with a secret can not be read.
        case credentials
        /// Nobody answers, or not in HTTP.
        case connection
        case timeout
        /// An answer that is no success.
        case status
        /// The Content-Type is not known, and nothing was to fall back to.
        case contentType = "content_type"
        /// The Content-Encoding is not known, or not what the body is in.
        case contentEncoding = "content_encoding"
        /// The body is not in its format.
        case malformed
        case bodyBytes = "body_size_limit"
        case sampleCount = "sample_limit"
        case labelCount = "label_limit"
        case labelNameBytes = "label_name_length_limit"
        case labelValueBytes = "label_value_length_limit"
        case targetCount = "target_limit"
    }

    package var reason: Reason
    /// For a person.
    package var description: String

    package init(_ reason: Reason, _ description: String) {
        self.reason = reason
        self.description = description
    }
}
