"""What a process has counted of its commits."""

from cuga.journal.times import BOUNDS, CommitTimes


def test_each_commit_counts_in_the_bin_that_it_still_fits():
    times = CommitTimes()
    assert (times.appends, times.seconds, times.bins) == (0, 0.0, [0] * (len(BOUNDS) + 1))
    for seconds, appends in ((0.0001, 2), (0.25, 1), (0.5, 3), (5.0, 1), (8.0, 1)):
        times.add(seconds, appends)
    assert (times.appends, times.seconds) == (8, 13.7501)
    assert times.bins == [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1, 1]
