"""How long, how often: each with its reason."""

from datetime import timedelta

LIFE = timedelta(minutes=10)  # of a link: long enough to fetch an ID card, short for one that leaks
ATTEMPTS = 3  # people misread a sign once or twice
LOCK_AFTER = 3  # failed sessions of one applicant, nine attempts: then it is no accident
LOCK_FOR = timedelta(hours=24)
SILENT = timedelta(seconds=12)  # without a word from a window: it is gone, another may take over
STEP_EARLY = 0.35  # s a step may be asked before the last one ends: two clocks, one network
STEP_LATE = 25.0  # s after it: a prepared video would have to wait so long, too
SHOWN_LATE = 1.5  # s after handing out that a page may say it showed the step
MAX_CHUNKS = 60  # 25 s of video in pieces of a second, and some
UPLOAD_TIME = timedelta(minutes=5)  # after the last step: a slow line needs 2 minutes for 6 MB at 400 kbit/s
JUDGE_WITHIN = timedelta(minutes=3)  # from then on nobody waits for the answer any more
KEEP_MARKS = timedelta(days=90)  # fingerprints of frames: replays come soon after the theft
