-- What is still to be published about a job; none of those that were there before is told of.

ALTER TABLE jobs ADD COLUMN outbox TEXT;  -- JSON Outbox
ALTER TABLE jobs ADD COLUMN has_news INTEGER NOT NULL DEFAULT 0 CHECK (has_news IN (0, 1));

-- Jobs with news that nobody works on: normally very few.
CREATE INDEX jobs_untold ON jobs (id, updated) WHERE has_news = 1 AND state <> 'in_progress';
