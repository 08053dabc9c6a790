import Testing

@Suite struct SyslogDeisTests {
    /// 2016-10-12T14:10:18Z
    static let y2016: Int64 = 1_476_281_418_000_000_000

    /// Deis' v1 logspout: no PRI, the host's zone by its name; the controller's lines name the app
    /// in the text.
    static let deis: [SyslogCase] = [
        .init(
            "2016-10-12T14:10:18UTC app[web.1]: text", "|app|notice|user|procid=web.1|text", y2016),
        .init(
            "2016-10-12T08:10:18MDT app[web.1]: text\n", "|app|notice|user|procid=web.1|text",
            y2016),
        // Zones without a name have their offset there.
        .init(
            "2016-10-12T17:10:18+03 my-app_2[v7.web.1]: text",
            "|my-app_2|notice|user|procid=v7.web.1|text", y2016),
        .init(
            "2016-10-12T17:10:18CLST app[web.1]: zone unknown",
            "|app|notice|user|procid=web.1|zone unknown"),
        .init(
            "2016-10-12T14:10:18UTC deis[controller]: INFO [app]: msg",
            "|deis|notice|user|procid=controller|INFO [app]: msg", y2016),
        .init(
            "2016-10-12T14:10:18UTC app[web.1]: GET x[0]: y[1]: z",
            "|app|notice|user|procid=web.1|GET x[0]: y[1]: z", y2016),
        .init(
            "2016-10-12T14:10:18UTC app[web.1]: cut...",
            "|app|notice|user|procid=web.1|cut...", y2016),
        .init("2016-10-12T14:10:18UTC app[web.1]:", "|app|notice|user|procid=web.1|", y2016),
        .init(
            "2016-10-12T14:10:18UTC app: no process",
            "||notice|user||2016-10-12T14:10:18UTC app: no process"),
    ]

    @Test(arguments: deis)
    func readsDeis(message: SyslogCase) throws { try message.check() }
}
