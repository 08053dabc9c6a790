/// A point in time: nanoseconds since 1970-01-01T00:00:00Z, 1677 to 2262. Stored in ns everywhere;
/// the Prometheus API speaks milliseconds.
package struct Timestamp: Hashable, Comparable, Sendable {
    package var nanos: Int64

    @inlinable
    package init(nanos: Int64) { self.nanos = nanos }

    /// Saturates outside of what 64 bits of nanoseconds can say.
    @inlinable
    package init(millis: Int64) {
        let (product, overflow) = millis.multipliedReportingOverflow(by: 1_000_000)
        nanos = overflow ? (millis < 0 ? .min : .max) : product
    }

    /// Saturates; NaN is the epoch. Rounded to the nearest nanosecond.
    package init(seconds: Double) {
        let scaled = (seconds * 1e9).rounded()
        if scaled.isNaN {
            nanos = 0
        } else if scaled >= 9.223372036854775e18 {
            nanos = .max
        } else if scaled <= -9.223372036854775e18 {
            nanos = .min
        } else {
            nanos = Int64(scaled)
        }
    }

    package static let distantPast = Timestamp(nanos: .min)
    package static let distantFuture = Timestamp(nanos: .max)

    /// Milliseconds, rounded down, before 1970 too.
    @inlinable
    package var millis: Int64 {
        let quotient = nanos / 1_000_000
        return nanos < 0 && nanos % 1_000_000 != 0 ? quotient - 1 : quotient
    }

    @inlinable
    package static func < (a: Timestamp, b: Timestamp) -> Bool { a.nanos < b.nanos }

    /// Moves by `nanos`; saturates.
    @inlinable
    package func advanced(byNanos delta: Int64) -> Timestamp {
        let (sum, overflow) = nanos.addingReportingOverflow(delta)
        return Timestamp(nanos: overflow ? (delta < 0 ? .min : .max) : sum)
    }
}

extension Double {
    /// The bit pattern by which Prometheus says that a series has ended.
    package static let staleMarkerBits: UInt64 = 0x7ff0_0000_0000_0002
    package static let staleMarker = Double(bitPattern: staleMarkerBits)

    /// Whether this is the stale marker, bit for bit; other NaNs are values.
    @inlinable
    package var isStaleMarker: Bool { bitPattern == 0x7ff0_0000_0000_0002 }
}
