-- Jobs that wait for something before they may be worked on, and what is to follow jobs that are done.

ALTER TABLE accounts ADD COLUMN holds_jobs INTEGER NOT NULL DEFAULT 0 CHECK (holds_jobs IN (0, 1));

ALTER TABLE jobs ADD COLUMN awaits TEXT;     -- JSON Awaits; NULL: nothing
ALTER TABLE jobs ADD COLUMN follow_up TEXT;  -- JSON FollowUp
-- When something is next to follow; NULL: nothing will. The highest number stands for a call that was
-- given up.
ALTER TABLE jobs ADD COLUMN follow_up_due INTEGER;

-- What is due: a look at it does not walk over what is due in a month.
CREATE INDEX jobs_follow_up ON jobs (follow_up_due, id) WHERE follow_up_due IS NOT NULL;
