/// Numbers, times and conversions.
extension LogTemplateFunctions {
    /// Whole numbers of whatever is given.
    private static func ints(
        _ count: Int, rest: Bool = false,
        _ body: @escaping @Sendable ([Int64]) throws(TemplateFailure) -> Int64
    ) -> TemplateFunction {
        TemplateFunction(
            [TemplateFunction.Parameter](repeating: .any, count: count), rest: rest ? .any : nil
        ) { (values, _) throws(TemplateFailure) in
            .int(try body(values.map(SprigNumbers.int)))
        }
    }

    private static func floats(
        _ count: Int, rest: Bool = false, _ body: @escaping @Sendable ([Double]) -> Double
    ) -> TemplateFunction {
        TemplateFunction(
            [TemplateFunction.Parameter](repeating: .any, count: count), rest: rest ? .any : nil
        ) { (values, _) throws(TemplateFailure) in
            .float(body(values.map(SprigNumbers.float)))
        }
    }

    /// Decimal arithmetic from left to right.
    private static func decimals(
        _ count: Int, start: Double?,
        _ step:
            @escaping @Sendable (
                SprigDecimal, SprigDecimal
            ) throws(TemplateFailure) -> SprigDecimal
    ) -> TemplateFunction {
        TemplateFunction(
            [TemplateFunction.Parameter](repeating: .any, count: count), rest: .any
        ) { (values, _) throws(TemplateFailure) in
            let all = values.map { SprigDecimal(SprigNumbers.float($0)) }
            var result = start.map { SprigDecimal($0) } ?? all[0]
            for value in start == nil ? all[1...] : all[...] { result = try step(result, value) }
            return .float(result.double)
        }
    }

    private static let byZero = TemplateFailure("runtime error: integer divide by zero")

    static let numbers: [String: TemplateFunction] = [
        "int": ints(1) { (values) throws(TemplateFailure) in values[0] },
        "float64": floats(1) { $0[0] },
        "add": ints(0, rest: true) { (values) throws(TemplateFailure) in values.reduce(0, &+) },
        "sub": ints(2) { (values) throws(TemplateFailure) in values[0] &- values[1] },
        "mul": ints(1, rest: true) { (values) throws(TemplateFailure) in values.reduce(1, &*) },
        "div": ints(2) { (values) throws(TemplateFailure) in
            guard values[1] != 0 else { throw byZero }
            return values[0].dividedReportingOverflow(by: values[1]).partialValue
        },
        "mod": ints(2) { (values) throws(TemplateFailure) in
            guard values[1] != 0 else { throw byZero }
            return values[0].remainderReportingOverflow(dividingBy: values[1]).partialValue
        },
        "max": ints(1, rest: true) { (values) throws(TemplateFailure) in values.max() ?? 0 },
        "min": ints(1, rest: true) { (values) throws(TemplateFailure) in values.min() ?? 0 },
        "addf": decimals(0, start: 0) { (a, b) throws(TemplateFailure) in
            SprigDecimal.sum(a, b, sign: 1)
        },
        "subf": decimals(1, start: nil) { (a, b) throws(TemplateFailure) in
            SprigDecimal.sum(a, b, sign: -1)
        },
        "mulf": decimals(1, start: nil) { (a, b) throws(TemplateFailure) in
            SprigDecimal.product(a, b)
        },
        "divf": decimals(1, start: nil) { (a, b) throws(TemplateFailure) in
            try SprigDecimal.quotient(a, b)
        },
        "maxf": floats(1, rest: true) { values in
            values.dropFirst().reduce(values[0]) {
                FloatMath.extreme($0, $1, isMaximum: true)
            }
        },
        "minf": floats(1, rest: true) { values in
            values.dropFirst().reduce(values[0]) {
                FloatMath.extreme($0, $1, isMaximum: false)
            }
        },
        "ceil": floats(1) { $0[0].rounded(.up) },
        "floor": floats(1) { $0[0].rounded(.down) },
        "round": TemplateFunction([.any, .int], rest: .float) {
            (values, _) throws(TemplateFailure) in
            let half = values.count > 2 ? SprigNumbers.float(values[2]) : 0.5
            return .float(
                SprigNumbers.rounded(
                    SprigNumbers.float(values[0]), places: SprigNumbers.int(values[1]),
                    from: half))
        },
        "bytes": TemplateFunction([.text]) { (values, _) throws(TemplateFailure) in
            let text = values[0].bytes
            guard let count = LogQLQuantity.byteCount(text[...]) else {
                let shown = String(decoding: text, as: UTF8.self)
                throw TemplateFailure("unhandled size name: \(shown)")
            }
            return .float(count)
        },
        "duration": seconds,
        "duration_seconds": seconds,
    ]

    private static let seconds = TemplateFunction([.text]) {
        (values, _) throws(TemplateFailure) in
        .float(Double(try GoDuration.parse(values[0].bytes)) / 1e9)
    }

    static let times: [String: TemplateFunction] = [
        "__timestamp__": TemplateFunction([]) { (_, context) throws(TemplateFailure) in
            .time(TemplateTime(nanos: context.timestampNanos))
        },
        "now": TemplateFunction([]) { (_, context) throws(TemplateFailure) in
            .time(TemplateTime(nanos: context.nowNanos))
        },
        "date": TemplateFunction([.text, .any]) { (values, context) throws(TemplateFailure) in
            let time: TemplateTime
            switch values[1] {
            // In the zone of the process: UTC.
            case .time(let given): time = TemplateTime(seconds: given.seconds, nanos: given.nanos)
            case .int(let seconds): time = TemplateTime(seconds: seconds, nanos: 0)
            default: time = TemplateTime(nanos: context.nowNanos)
            }
            return .text(TimeLayout.format(time, values[0].bytes))
        },
        "toDate": TemplateFunction([.text, .text]) { (values, _) throws(TemplateFailure) in
            .time(TimeLayoutReader.time(values[1].bytes, values[0].bytes) ?? .zero)
        },
        "toDateInZone": TemplateFunction([.text, .text, .text]) {
            (values, _) throws(TemplateFailure) in
            let zone = String(decoding: values[1].bytes, as: UTF8.self)
            return .time(
                TimeLayoutReader.time(
                    values[2].bytes, values[0].bytes, in: TimeZoneFiles.rules(named: zone)) ?? .zero
            )
        },
        "unixEpoch": epoch { $0.seconds },
        "unixEpochMillis": epoch { $0.seconds &* 1_000 &+ $0.nanos / 1_000_000 },
        "unixEpochNanos": epoch { $0.unixNanos },
        "unixToTime": TemplateFunction([.text]) { (values, _) throws(TemplateFailure) in
            .time(try time(ofEpoch: values[0].bytes))
        },
    ]

    private static func epoch(
        _ body: @escaping @Sendable (TemplateTime) -> Int64
    ) -> TemplateFunction {
        TemplateFunction([.time]) { (values, _) throws(TemplateFailure) in
            guard case .time(let time) = values[0] else { return .none }
            return .text(String(body(time)))
        }
    }

    /// The unit follows from how many digits there are.
    private static func time(ofEpoch bytes: [UInt8]) throws(TemplateFailure) -> TemplateTime {
        let text = String(decoding: bytes, as: UTF8.self)
        guard let value = GoNumber.int(text, base: 10) else {
            throw TemplateFailure(
                "unable to parse time '\(text)': strconv.ParseInt: parsing "
                    + "\(GoText.quoted(bytes)): invalid syntax")
        }
        switch bytes.count {
        case 5: return TemplateTime(seconds: value &* 86_400, nanos: 0)
        case 10: return TemplateTime(seconds: value, nanos: 0)
        case 13: return TemplateTime(nanos: value &* 1_000_000)
        case 16: return TemplateTime(nanos: value &* 1_000)
        case 19: return TemplateTime(nanos: value)
        default: throw TemplateFailure("unable to parse time '\(text)': %!w(<nil>)")
        }
    }

    static let conversions: [String: TemplateFunction] = [
        "default": TemplateFunction([.any], rest: .any) { (values, _) throws(TemplateFailure) in
            values.count < 2 || SprigNumbers.isEmpty(values[1]) ? values[0] : values[1]
        },
        "b64enc": text(1) { TemplateBase64.encoded($0[0]) },
        "b64dec": text(1) { TemplateBase64.decoded($0[0]) },
        "urlencode": text(1) { TemplateEscapes.query($0[0]) },
        "urldecode": text(1) { (values) throws(TemplateFailure) in
            try TemplateEscapes.unescapedQuery(values[0])
        },
        "fromJson": TemplateFunction([.text]) { (values, _) throws(TemplateFailure) in
            TemplateJSON.value(values[0].bytes)
        },
    ]
}
