internal import Server

/// Files of rules.
extension FuzzTargets {
    static let ruleFiles = [Target("rule_file", run: ruleFile)]

    /// A file that is taken is taken again, and is refused with a reason.
    private static func ruleFile(_ bytes: [UInt8]) {
        let text = String(decoding: bytes, as: UTF8.self)
        var configuration = RuleConfiguration()
        func take() -> [String]? {
            do {
                try configuration.setFiles([("f.yaml", text)], intervalNanos: 60_000_000_000)
                return nil
            } catch {
                precondition(!error.all.isEmpty, "refused without a reason")
                return error.all.map { "\($0)" }
            }
        }
        let first = take()
        let once = configuration
        precondition(take() == first && configuration == once, "it means something else now")
        let (count, result) = RuleTests.check(path: "f.yaml", text: text)
        precondition(
            (first == nil) == result.failures.isEmpty && count >= 0,
            "what serves and what checks differ")
    }
}
