/// Methods of times and durations, as in `{{(toTime .Value).Format "15:04"}}`. The receiver is the
/// first argument.
///
/// Source: Go, time/time.go.
enum TemplateMethods {
    static func method(_ name: String, of receiver: TemplateValue) -> TemplateFunction? {
        switch receiver {
        case .time: ofTimes[name]
        case .duration: ofDurations[name]
        default: nil
        }
    }

    private static func time(
        _ rest: [TemplateFunction.Parameter] = [],
        _ body: @escaping @Sendable (TemplateTime, [TemplateValue]) -> TemplateValue
    ) -> TemplateFunction {
        TemplateFunction([.any] + rest) { (values, _) throws(TemplateFailure) in
            guard case .time(let time) = values[0] else {
                throw TemplateFailure("expected a time")
            }
            return body(time, values)
        }
    }

    private static func duration(
        _ body: @escaping @Sendable (Int64) -> TemplateValue
    ) -> TemplateFunction {
        TemplateFunction([.any]) { (values, _) throws(TemplateFailure) in
            guard case .duration(let nanos) = values[0] else {
                throw TemplateFailure("expected a duration")
            }
            return body(nanos)
        }
    }

    private static func int(_ value: Int) -> TemplateValue { .int(Int64(value)) }

    private static let ofTimes: [String: TemplateFunction] = [
        "Format": time([.text]) { time, values in
            guard case .text(let layout) = values[1] else { return .none }
            return .text(TimeLayout.format(time, layout))
        },
        "String": time { time, _ in .text(time.description) },
        "Unix": time { time, _ in .int(time.seconds) },
        "UnixMilli": time { time, _ in .int(time.seconds &* 1_000 &+ time.nanos / 1_000_000) },
        "UnixMicro": time { time, _ in .int(time.seconds &* 1_000_000 &+ time.nanos / 1_000) },
        "UnixNano": time { time, _ in .int(time.unixNanos) },
        "Year": time { time, _ in .int(Int64(time.civil.year)) },
        "Month": time { time, _ in .text(CivilDate.monthNames[time.civil.month - 1]) },
        "Day": time { time, _ in int(time.civil.day) },
        "Weekday": time { time, _ in .text(CivilDate.dayNames[time.civil.dayOfWeek]) },
        "YearDay": time { time, _ in int(time.civil.dayOfYear) },
        "Hour": time { time, _ in int(time.civil.hour) },
        "Minute": time { time, _ in int(time.civil.minute) },
        "Second": time { time, _ in int(time.civil.second) },
        "Nanosecond": time { time, _ in .int(time.nanos) },
        "IsZero": time { time, _ in .bool(time.isSameInstant(as: .zero)) },
        "UTC": time { time, _ in
            .time(TemplateTime(seconds: time.seconds, nanos: time.nanos))
        },
        "Local": time { time, _ in
            .time(TemplateTime(seconds: time.seconds, nanos: time.nanos))
        },
        "Add": time([.any]) { time, values in
            guard let nanos = values[1].nanos else { return .none }
            return .time(time.advanced(byNanos: nanos))
        },
        "Sub": time([.time]) { time, values in
            guard case .time(let other) = values[1] else { return .none }
            return .duration(time.nanos(since: other))
        },
        "Before": time([.time]) { time, values in
            guard case .time(let other) = values[1] else { return .none }
            return .bool(time < other)
        },
        "After": time([.time]) { time, values in
            guard case .time(let other) = values[1] else { return .none }
            return .bool(other < time)
        },
        "Equal": time([.time]) { time, values in
            guard case .time(let other) = values[1] else { return .none }
            return .bool(time.isSameInstant(as: other))
        },
    ]

    private static let ofDurations: [String: TemplateFunction] = [
        "String": duration { .text(GoDuration.text($0)) },
        "Nanoseconds": duration { .int($0) },
        "Microseconds": duration { .int($0 / 1_000) },
        "Milliseconds": duration { .int($0 / 1_000_000) },
        "Seconds": duration { .float(Double($0) / 1e9) },
        "Minutes": duration { .float(Double($0) / 60e9) },
        "Hours": duration { .float(Double($0) / 3600e9) },
    ]
}

extension TemplateValue {
    /// What may stand for a duration.
    var nanos: Int64? {
        switch self {
        case .duration(let nanos), .int(let nanos): nanos
        default: nil
        }
    }
}
