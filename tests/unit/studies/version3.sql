-- A study database of version 3, as SQLite writes it out. Never change it: it stands for those people have.
PRAGMA application_id = 1936093044;
PRAGMA user_version = 3;
BEGIN TRANSACTION;
CREATE TABLE checked (
	id INTEGER NOT NULL, 
	created TEXT NOT NULL, 
	task TEXT NOT NULL, 
	recipe TEXT NOT NULL, 
	verdict TEXT NOT NULL, 
	command TEXT, 
	environment JSON NOT NULL, 
	result JSON NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "checked" VALUES(1,'2026-01-02T03:04:05+00:00','digits','sgd(lr=cosine(0.3, warmup=5%), momentum=0.9)','healthy',NULL,'{"python": "3.11.7"}','{"verdict": "healthy"}');
CREATE TABLE checkpoint (
	study_id INTEGER NOT NULL, 
	stage TEXT NOT NULL, 
	file TEXT NOT NULL, 
	steps INTEGER NOT NULL, 
	PRIMARY KEY (study_id, stage), 
	FOREIGN KEY(study_id) REFERENCES study (id) ON DELETE CASCADE
);
INSERT INTO "checkpoint" VALUES(1,'transfer/a','a.db-1-transfer-a.safetensors',12);
CREATE TABLE curve (
	measurement_id INTEGER NOT NULL, 
	steps JSON NOT NULL, 
	losses JSON NOT NULL, 
	PRIMARY KEY (measurement_id), 
	FOREIGN KEY(measurement_id) REFERENCES measurement (id) ON DELETE CASCADE
);
INSERT INTO "curve" VALUES(1,'[10, 27]','[1.5, 0.25]');
INSERT INTO "curve" VALUES(2,'[10, 17]','[2.5, null]');
INSERT INTO "curve" VALUES(3,'[]','[]');
CREATE TABLE look (
	measurement_id INTEGER NOT NULL, 
	step INTEGER NOT NULL, 
	grad_norm FLOAT NOT NULL, 
	sharpness FLOAT NOT NULL, 
	edge FLOAT, 
	PRIMARY KEY (measurement_id, step), 
	FOREIGN KEY(measurement_id) REFERENCES measurement (id) ON DELETE CASCADE
);
INSERT INTO "look" VALUES(3,36,0.5,12.25,NULL);
INSERT INTO "look" VALUES(3,110,0.25,14.5,16.0);
CREATE TABLE measurement (
	id INTEGER NOT NULL, 
	stage_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	seed INTEGER NOT NULL, 
	total INTEGER NOT NULL, 
	steps INTEGER NOT NULL, 
	valid_loss FLOAT, 
	metric FLOAT, 
	test_loss FLOAT, 
	diverged_at INTEGER, 
	PRIMARY KEY (id), 
	FOREIGN KEY(stage_id) REFERENCES stage (id) ON DELETE CASCADE, 
	FOREIGN KEY(trial_id) REFERENCES trial (id) ON DELETE CASCADE
);
INSERT INTO "measurement" VALUES(1,1,1,3,220,28,0.0625,0.96875,NULL,NULL);
INSERT INTO "measurement" VALUES(2,2,2,40000,220,17,NULL,NULL,NULL,17);
INSERT INTO "measurement" VALUES(3,2,1,40000,220,220,0.1,NULL,0.2,NULL);
CREATE TABLE stage (
	id INTEGER NOT NULL, 
	study_id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	config_steps INTEGER NOT NULL, 
	seconds FLOAT NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (study_id, name), 
	FOREIGN KEY(study_id) REFERENCES study (id) ON DELETE CASCADE
);
INSERT INTO "stage" VALUES(1,1,'search/000',35,0.5);
INSERT INTO "stage" VALUES(2,1,'confirm/40000',440,1.25);
CREATE TABLE study (
	id INTEGER NOT NULL, 
	created TEXT NOT NULL, 
	task TEXT NOT NULL, 
	settings JSON NOT NULL, 
	seed INTEGER NOT NULL, 
	environment JSON NOT NULL, 
	"plan" JSON, 
	status TEXT NOT NULL, 
	result JSON, 
	lease_owner TEXT, 
	lease_until FLOAT, 
	PRIMARY KEY (id)
);
INSERT INTO "study" VALUES(1,'2026-01-02T03:04:05+00:00','digits','{"task": "digits", "budget": "30x", "seed": 3}',3,'{"python": "3.11.7"}','{"schema": 1, "backend": "stacked", "width": 32, "threads": 2, "device": "cpu"}','interrupted',NULL,NULL,NULL);
CREATE TABLE trial (
	id INTEGER NOT NULL, 
	study_id INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	recipe TEXT NOT NULL, 
	recipe_json JSON NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (study_id, recipe), 
	UNIQUE (study_id, number), 
	FOREIGN KEY(study_id) REFERENCES study (id) ON DELETE CASCADE
);
INSERT INTO "trial" VALUES(1,1,0,'sgd(lr=cosine(0.3, warmup=5%), momentum=0.9)','{"optimizer": "sgd", "lr": "cosine(0.3, warmup=5%)", "momentum": 0.9, "dampening": 0.0, "weight_decay": 0.0, "nesterov": false, "clip": null, "no_decay": [], "lr_factor": {}, "decay_factor": {}}');
INSERT INTO "trial" VALUES(2,1,1,'adamw(lr=0.001, no_decay=bias+norm)','{"optimizer": "adamw", "lr": 0.001, "beta1": 0.9, "beta2": 0.999, "eps": 1e-08, "weight_decay": 0.01, "amsgrad": false, "clip": null, "no_decay": ["bias", "norm"], "lr_factor": {}, "decay_factor": {}}');
CREATE INDEX measurement_stage ON measurement (stage_id);
COMMIT;
