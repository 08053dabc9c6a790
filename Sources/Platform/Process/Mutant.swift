#if VARVE_MUTANTS
internal import Glibc
#endif

/// Bugs that are put into the house's own layers on purpose, one at a time, to see that the tests
/// find each of them: `make sim-mutants`. Only a build with VARVE_MUTANTS=1 has them; in any other
/// `isOn` is false before the optimiser begins.
package enum Mutant: String, CaseIterable, Sendable {
    // The journal.
    case skipsSync
    case cutsDamage
    case trustsTornRecords
    case keepsReplacedSuffix
    case forgetsReleasedTerm
    case imageKeepsOldLog
    case imageWithoutConfiguration
    // Replication.
    case commitsBeforeSync
    case forgetsHardState
    case forgetsConfiguration
    case goesByOldMembers
    case acknowledgesWhenWritten
    case replayMissesLast
    /// An image has what is released of a log that does not know that it is committed.
    case releasesUncommitted
    case claimsNeverExpire
    case quietWhileBehind
    case neverPatient
    case brokenLeaderKeepsClaims
    // Images.
    case tellsCoreBeforeInstall
    case imageOfAnyTerm
    case imageOfStrangers
    /// Who left the group and came back gets an image from before.
    case imageOfEarlierStay
    case imageLacksFile
    /// Only who is to have a replica is asked for its files, not who has one.
    case asksWhoIsWanted
    /// Files of an image go at its source while it is fetched.
    case imagesAreNotHeld
    /// Who gives an image hears nothing while others give its files.
    case leasesEnd
    /// What came damaged takes the place of what is here.
    case damageTakesPlaces
    /// What came of an image comes again with the next.
    case imagesBeginAgain
    /// In place of a damaged replica comes an image of what its log has not got yet.
    case imagesAheadOfLog
    /// A leader whose jobs fail has its shard sealed again and again.
    case sealsBehindSeals
    case installForgotten
    /// A node without the cluster's state knows no more peers than it was told of at first.
    case firstPeersOnly
    // State machines.
    case appliesTwice
    case appliesRepeats
    case releasesUnsealed
    case mergesByTheIndex
    /// What a query could not read waits for the week's reading.
    case damageUntold
    // The way in.
    case takesLostForDone
    case sendsWithoutStamp
    case laneStandsStill
    case dropsUnknownSeries
    case fullDiskAcknowledges
    // The way out.
    case readsWithoutAsking
    case readsBeforeApplying
    case readsWhatWasGivenUp
    // Membership.
    /// Who does not answer is believed what it said before.
    case healthOfBefore
    /// What a node said holds after it has been started anew.
    case believesOldFaults
    case reusesIdentity
    case newcomerFounds
    case newcomerVotesAtOnce
    case placementIgnoresZones
    case brokenReplicaStaysIn
    /// Who leads and is no voter any more leads on, and decides nothing.
    case leadsWithoutVote
    /// A replica goes by what its leader said before it fell silent.
    case givesUpUnasked
    case givenUpFilesStay
    case slowDiskLeadsOn

    #if VARVE_MUTANTS
    private static let chosen: String? = unsafe getenv("VARVE_MUTANT").map {
        unsafe String(cString: $0)
    }

    package static func isOn(_ mutant: Mutant) -> Bool { chosen == mutant.rawValue }
    #else
    @inlinable
    package static func isOn(_ mutant: Mutant) -> Bool { false }
    #endif
}
