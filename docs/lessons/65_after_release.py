# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
"""
After release, does calibration still hold?
===========================================

The *confidence* of a classifier is the largest of its probabilities. The classifier is *calibrated*
if it is right as often as its confidence says. We checked this before the release. Now labels arrive
one by one, and somebody should notice when calibration is lost.

What you will do
----------------

You watch a calibrated network while its images slowly become harder. You look at windows of labels,
repeat a test, and let a monitor bet against the network. After the alarm you correct the network.

What you will learn
-------------------

- why small windows and repeated tests mislead you
- how a bet gives a test that you may look at after every label
- what to do after an alarm, and what you can say without labels

What you need
-------------

You need lesson 60 and half a minute on two cores.
"""

# %% [markdown] tags=["slide"]
# After release, does calibration still hold?
# -------------------------------------------
#
# - Before the release we measured once
# - After it, labels arrive one by one, for years
# - When should we raise the alarm?
#
# Say: Ask the room who has a model in use, and how they would notice that its probabilities have
# become wrong. Most people answer with a chart that somebody looks at every week. Keep that answer
# on the board. Today we find out what such a chart shows, how often it frightens us for nothing,
# and what we can do instead.

# %% [markdown]
# The answer in one picture
# -------------------------
#
# The network returns *logits*, its outputs before the softmax. We divide them by a *temperature*, a
# number that we fitted before the release. A *severity* says how hard images are to read. Severity
# zero is clean.

# %% tags=["setup"]
import torch
from matplotlib import pyplot as plt

import calibkit

logits, labels = calibkit.glyphs100_logits(progress=False)
hard, harder = [
    calibkit.glyphs100_logits(2000, severity=s, progress=False)[0]
    for s in (1, 2)
]

# %% [markdown]
# The same *glyph*, a drawn character, exists at every severity. So we use each glyph for one purpose
# only: the first 2000 will get harder, and the others are for the temperature and the clean images.

# %% tags=["setup"]
z, y = logits[2000:], labels[2000:]
calib, rest = calibkit.split_calibration(y, 2000, seed=0, stratify=y)
released = calibkit.TemperatureScaler()
released.fit_logits(z[calib.indices], y[calib.indices])
clean, clean_truth = released(z[rest.indices]), y[rest.indices]
shifted = torch.stack([released(x) for x in (logits[:2000], hard, harder)])

# %% [markdown]
# Our *streams* of labels begin with 1000 clean images. Over the next 1000, the severity drifts from
# zero to two, where it stays.


# %% tags=["setup"]
def stream(seed, before=1000, drift=1000, after=1000):
    generator = torch.Generator().manual_seed(seed)
    first = torch.randperm(len(clean), generator=generator)[:before]
    then = torch.randperm(2000, generator=generator)[: drift + after]
    severity = torch.linspace(0, 2, drift)
    severity += torch.rand(drift, generator=generator)
    severity = torch.cat([severity.long(), torch.full((after,), 2)])
    z = torch.cat([clean[first], shifted[severity.clamp(max=2), then]])
    return z, torch.cat([clean_truth[first], labels[then]])


def watch(z, y, **options):
    monitor = calibkit.CalibrationMonitor(input="logits", **options)
    monitor.update(z, y)
    return monitor


# %% [markdown]
# The *expected calibration error* (ECE) is the weighted mean gap between confidence and *accuracy*,
# the share of right answers, in bins of the confidence. The upper panel shows it for windows of a
# hundred labels. The lower panel shows, as a power of ten, the *evidence* against calibration that
# a *monitor* collects while labels arrive.


# %% tags=["setup"]
def ece_of_windows(z, y):
    windows = zip(z.softmax(1).split(100), y.split(100))
    return [calibkit.calibration_error(p, t) for p, t in windows]


# %%
z, y = stream(1)
n, evidence = watch(z, y).history.T
fig, (top, low) = plt.subplots(
    2, 1, figsize=(7.2, 5.4), sharex=True, layout="constrained"
)
fig.suptitle("Windows hardly show the drift, but the monitor finds it")
top.plot(range(50, 3000, 100), ece_of_windows(z, y), "o", color="#0072B2")
top.set(ylabel="ECE of 100 labels", ylim=(0, 0.3))
low.plot(n, evidence / torch.tensor(10.0).log(), color="#0072B2")
low.axhline(torch.tensor(20.0).log10(), color="#D55E00", linestyle="--")
low.text(10, 1.6, "alarm at 20", color="#D55E00", fontsize=11)
low.set(xlabel="labels so far", ylabel="evidence, power of 10")
for ax in (top, low):
    ax.axvline(1000, color="0.4", linestyle=":")
    ax.axvline(2000, color="0.4", linestyle=":")
top.text(1020, 0.265, "drift begins", fontsize=11)
_ = top.text(2020, 0.265, "severity two", fontsize=11)
# sphinx_gallery_thumbnail_number = 1

# %% [markdown] tags=["slide"]
# A chart of windows, and a monitor
# ---------------------------------
#
# - Above: the ECE of every hundred labels
# - Below: the evidence that a monitor collects
# - Only one of them notices the drift
#
# Say: Cover the lower panel first, and ask when the room would have raised the alarm. Write down
# the answers: they differ widely. Then uncover the lower panel. The evidence stays low for a long
# time, and then it grows far beyond the line. Before we trust it, we need to know what this
# evidence is, and how often it grows for no reason.

# %% [markdown]
# The dots scatter so widely that the drift is hard to see. The evidence stays low at first and then
# grows far beyond the line.

# %% [markdown]
# Bet against a coin by hand
# --------------------------
#
# A coin should be fair. You suspect that three tosses in four show heads, and bet on this. Your
# *wealth* begins at one. Every toss multiplies it by your probability of the outcome, divided by
# that of a fair coin: by one and a half for heads, and by one half for tails.

# %%
wealth, account = 1.0, []
for toss in "HHTHHHHTHHHHHH":
    wealth *= 1.5 if toss == "H" else 0.5
    account.append(f"{toss} {wealth:.2f}")
print(*account, sep="  ")

# %% [markdown]
# If the coin is fair, the mean of the two factors is one, so on average you win nothing.
#
# **Before you run this:** ten thousand people bet on a thousand tosses of fair coins. How many will
# ever own twenty or more?

# %%
generator = torch.Generator().manual_seed(0)
heads = torch.rand(10_000, 1000, generator=generator) < 0.5
factors = torch.where(heads, 1.5, 0.5).double()
highest = factors.cumprod(1).amax(1)
print(f"{(highest >= 20).double().mean():.1%} of fair coins ever reach 20")
heads = torch.rand(10_000, 1000, generator=generator) < 0.75
last = torch.where(heads, 1.5, 0.5).double().log10().sum(1)
print(f"unfair coins: the median wealth is 1 with {last.median():.0f} zeros")

# %% [markdown]
# Suppose that more than one person in twenty owned twenty and stopped there. These people alone
# would bring the mean wealth above one. But fair bets cannot change the mean, no matter when people
# stop. So at most one fair coin in twenty ever brings its bettor twenty, however long you watch.
# This is *Ville's inequality*. If your suspicion is right, the wealth explodes.

# %% [markdown] tags=["slide"]
# Wealth is evidence
# ------------------
#
# - Fair coin: the mean wealth stays at one
# - At most one fair coin in twenty ever brings a wealth of twenty
# - Unfair coin: the wealth explodes
#
# Say: Play it at the board. One student tosses a coin, another one keeps the account. Ask what
# would happen if more than one in twenty people could leave the casino with twenty times their
# money: the casino would lose, although every bet was fair. That is the whole proof. The casino
# does not care when people leave, and so you may look as often as you like.

# %% [markdown]
# Look too often
# --------------
#
# We draw twenty streams from the same images, each in another order, and compare their clean
# windows with those of severity two.

# %%
streams = [stream(seed) for seed in range(20)]
for name, part in (
    ("clean", slice(0, 1000)),
    ("severity 2", slice(2000, 3000)),
):
    eces = [e for z, y in streams for e in ece_of_windows(z[part], y[part])]
    q = torch.tensor(eces).quantile(torch.tensor([0.05, 0.95]))
    mean = sum(eces) / len(eces)
    print(f"{name:10} mean ECE {mean:.2f}", end=", ")
    print(f"nine of ten windows {q[0]:.2f} to {q[1]:.2f}")
floor = calibkit.noise_floor(clean[:100].softmax(1))
print(f"noise floor of 100 labels {floor.mean:.2f}")

# %% [markdown]
# The two ranges overlap, because a hundred labels leave much to chance. The *noise floor* is the
# mean ECE of a perfectly calibrated network in such a window.
#
# Instead, you could test all labels so far, again and again. A *z-test* compares the number of
# right answers with the sum of the confidences. Its *level*, the probability of a false alarm, is
# one in twenty. We draw outcomes with the probability that the network claims, so every alarm is
# false.
#
# **Before you run this:** what share of streams of 5000 labels will ever raise an alarm, if we test
# after every hundred labels?

# %% tags=["setup"]
generator = torch.Generator().manual_seed(0)
confidence = clean.softmax(1).amax(1).double()
chosen = torch.randint(len(confidence), (300, 5000), generator=generator)
p = confidence[chosen]
outcomes = (torch.rand(300, 5000, generator=generator) < p).long()
z_scores = (outcomes - p).cumsum(1) / (p * (1 - p)).cumsum(1).sqrt()

# %%
once = z_scores[:, -1].abs() > 1.96
ever = (z_scores[:, 99::100].abs() > 1.96).any(1)
bets = []
for confidences, right in zip(p, outcomes):
    bets.append(calibkit.CalibrationMonitor().update(confidences, right))
print("300 calibrated streams of 5000 labels")
for name, alarms in (("once", once), ("every 100", ever), ("monitor", bets)):
    share = torch.as_tensor(alarms).double().mean()
    error = 2 * (share * (1 - share) / 300).sqrt()
    print(f"{name:9} {share:.0%} ± {error:.0%} raise a false alarm")

# %% [markdown] tags=["slide"]
# Who looks often is often wrong
# ------------------------------
#
# - One test at the end: about one false alarm in twenty
# - A test every hundred labels: far more
# - A monitor after every label: within its promise
#
# Say: Take a vote before you show the output. The test itself is correct, and so is its p-value.
# What is wrong is that we gave it fifty chances. Ask the room how often the test would be wrong if
# we went on for ever. It would raise a false alarm for certain, sooner or later. A promise for one
# look is not a promise for many looks.

# %% [markdown]
# One test is sound, but fifty chances bring false alarms in about a third of the streams. The
# monitor, which we explain next, looked after every label and raised few. After ± we print twice
# the *standard error*, the typical amount by which chance moves a share.

# %% [markdown]
# Let the monitor bet
# -------------------
#
# For a calibrated network, an answer with a confidence of seven tenths is a coin that lands on
# "right" seven times in ten. `calibkit.CalibrationMonitor` bets against these coins. It divides its
# wealth among suspicions: from some label on, the confidence may be too high, too low, too extreme
# (too near to zero and one) or not extreme enough. The total wealth is the evidence, and the alarm
# comes at twenty.

# %%
print(watch(*stream(1)).report())

# %% [markdown]
# The *anytime-valid p-value* is one divided by the largest evidence. The report also names the
# suspicion that won most and the label where it began. How good are these estimates? We watch all
# twenty streams up to the alarm. With ``of="all"`` the monitor bets on the probabilities of all
# classes, and not only on the confidence.


# %%
def until_alarm(z, y, **options):
    at = watch(z, y, **options).report().alarm_at
    return watch(z[:at], y[:at], **options).report()


for of in ("top", "all"):
    reports = [until_alarm(z, y, of=of) for z, y in streams]
    early = [r for r in reports if r.alarm and r.alarm_at <= 1000]
    found = [r for r in reports if r.alarm and r.alarm_at > 1000]
    at = sorted(r.alarm_at for r in found)
    since = sorted(r.since for r in found)
    print(f"{of}: {len(early)} of 20 alarms too early, {len(found)} later")
    print(f"  after {at[0]} to {at[-1]} labels", end=", ")
    print(f"estimated start {since[0]} to {since[-1]}", end=", ")
    print(" or ".join(sorted({r.direction for r in found})))

# %% [markdown]
# Nearly all drifts are found, in the right direction: the network claims too much. The start is
# only a rough estimate: the drift began at label 1000. Ville's inequality allows one early alarm in
# twenty.
#
# This guarantee has a condition: whether and when a label arrives must not depend on the answer
# being right. If customers report errors first, the alarm means nothing.

# %% [markdown] tags=["slide"]
# What the monitor tells us
# -------------------------
#
# - Is there an alarm, and in which direction?
# - Since when? This is a rough estimate
# - Condition: errors must not be reported first
#
# Say: A monitor that only shouts is of little use. It also says whether the confidence is too high
# or too low, and where it suspects the beginning. Ask the room about their own models: who delivers
# the labels, and are they reported sooner when the answer was wrong? If customers only complain
# about errors, then no test of this kind can be trusted.

# %% [markdown]
# Pay for a guarantee without end
# -------------------------------
#
# The guarantee is for the monitor's whole life, so every possible start of a shift gets a share of
# the wealth.
#
# **Before you run this:** the images suddenly have severity two, either at the first label or after
# 2000 clean ones. Which shift needs more labels until the alarm?

# %%
delays = {}
for before in (0, 2000):
    for of in ("top", "all"):
        found = []
        for seed in range(20):
            z, y = stream(seed, before, drift=0, after=2000)
            at = watch(z, y, of=of).report().alarm_at
            if at is not None and at > before:
                found.append(at - before)
        delays[f'{before} clean first\nof="{of}"\nn = {len(found)}'] = found
fig, ax = plt.subplots(figsize=(6.6, 3.8), layout="constrained")
for place, values in enumerate(delays.values()):
    ax.plot(
        [place] * len(values), values, "o", color="#0072B2", fillstyle="none"
    )
    middle = torch.tensor(values).double().quantile(0.5)
    ax.plot(place, middle, "_k", markersize=32, markeredgewidth=3)
ax.set_xticks(range(4), list(delays), fontsize=10)
ax.set(ylabel="labels until the alarm", ylim=(0, None), xlim=(-0.5, 3.5))
_ = ax.set_title("A late shift costs more labels (lines: medians)")

# %% [markdown] tags=["slide"]
# A late shift needs more labels
# ------------------------------
#
# - A guarantee for ever must save wealth for later
# - All probabilities carry more evidence than the confidence
# - But then all of them must be right
#
# Say: Compare the first column with the third. The same shift is found later if it comes later,
# because the monitor has spent a part of its wealth on earlier suspicions. Then compare each column
# with its neighbour. Looking at all classes finds the shift sooner. Ask what we pay for it: we now
# call the model miscalibrated as soon as any of its hundred probabilities is wrong.

# %% [markdown]
# The late shift needs more labels, because late starts get smaller shares. Betting on all classes
# saves many labels, but the network then counts as calibrated only if all its probabilities are
# right. (Streams with an early alarm are left out.)

# %% [markdown]
# Tolerate small errors
# ---------------------
#
# A temperature fitted on few images is a little wrong, and a monitor may find that out. A
# *tolerance* says how wrong a probability may be without an alarm. We fit twenty temperatures, on
# 100 images each, and watch the same 5000 clean labels.

# %%
tolerances = (0, 0.02, 0.05)
alarms = torch.zeros(3)
z, y = logits[2000:][calib.indices], labels[2000:][calib.indices]
for part, target in zip(z.split(100), y.split(100)):
    scaler = calibkit.TemperatureScaler().fit_logits(part, target)
    ours = clean[:5000] * released.temperature / scaler.temperature
    for i, tolerance in enumerate(tolerances):
        alarms[i] += watch(ours, clean_truth[:5000], tolerance=tolerance).alarm
for tolerance, count in zip(tolerances, alarms):
    print(f"tolerance {tolerance:.0%}: {count:.0f} of 20 raise the alarm")

# %% [markdown]
# An alarm about a small error is not false, but you may not want it. What does a tolerance cost?

# %%
for tolerance in tolerances[:2]:
    drifts = [watch(z, y, tolerance=tolerance).report() for z, y in streams]
    at = sorted(report.alarm_at or 3001 for report in drifts)
    print(f"tolerance {tolerance:.0%}: 10 of 20 raise it by label {at[9]}")

# %% [markdown]
# With a tolerance, shifts are found later. Choose it before you look.

# %% [markdown]
# Correct the network after the alarm
# -----------------------------------
#
# The monitor that bet on all classes estimated where each shift began. We fit a second temperature
# on the labels from there to the alarm (at least two hundred). A value of one means "no change". On
# later images we measure the *negative log-likelihood* (NLL), the mean of minus the logarithm of
# the probability of the true class. `calibkit.check_shift` says "helps" if the interval of the
# change in NLL lies below zero.

# %%
helped = 0
for seed, ((z, y), report) in enumerate(zip(streams, reports)):
    end = max(report.alarm_at, report.since + 200)
    use = slice(report.since, end)
    again = calibkit.TemperatureScaler().fit_logits(z[use], y[use])
    later = slice(max(end, 2000), None)
    check = calibkit.check_shift(again, z[later], y[later])
    helped += check.verdict == "helps"
    if seed < 3 or check.verdict != "helps":
        low, high = again.summary.temperature_interval
        nll = check.report.change.nll
        print(
            f"alarm at {report.alarm_at}, {end - use.start} labels:", end=" "
        )
        print(f"T {again.temperature:.2f} ({low:.2f} to {high:.2f})", end=", ")
        print(f"NLL {nll.value:+.2f} ({nll.low:+.2f} to {nll.high:+.2f})")
print(f"it helps in {helped} of 20 streams")

# %% [markdown]
# The correction helps in all streams but the last one shown, whose alarm came before the drift.
# Most fits use images of the drift, which are easier than the last ones. So fit again on later
# labels, and begin with a new monitor.

# %% [markdown] tags=["slide"]
# After the alarm
# ---------------
#
# - Fit a temperature on the labels since the estimated start
# - Measure it on later images
# - Then begin with a new monitor
#
# Say: The alarm is the beginning of the work. We take the few labels since the estimated start, fit
# one number, and test it on images that came later. Ask why we do not test it on the same labels:
# every fit looks good on its own labels. After a false alarm the correction does harm, and only
# later labels show that. Afterwards the monitor must be reset, because its alarm belongs to the old
# model.

# %% [markdown]
# Sometimes only the *class shares* change, while the images of each class look as before. We keep
# all capital letters and a fifth of the other images. `calibkit.estimate_prior` estimates the new
# shares without labels, and `calibkit.adjust_prior` corrects the logits. We fit both remedies,
# temperature and shares, on the first half and measure on the second.

# %% tags=["setup"]
classes = calibkit.Glyphs100(1).classes
capital = torch.tensor([c.isascii() and c.isupper() for c in classes])
kept = capital[clean_truth]
kept[::5] = True
old_shares = released(logits[2000:][calib.indices]).softmax(1).mean(0)


# %%
def remedies(z, y):
    fit, test = z.chunk(2)
    y_fit, y_test = y.chunk(2)
    again = calibkit.TemperatureScaler().fit_logits(fit, y_fit)
    shares = calibkit.estimate_prior(fit, old_shares).proportions
    prior = calibkit.adjust_prior(test, old_shares, shares)
    for name, other in (("temperature", again(test)), ("shares", prior)):
        nll = calibkit.paired_difference(
            calibkit.negative_log_likelihood,
            *(test.softmax(1), other.softmax(1), y_test),
        )
        print(f"  {name:11} NLL {nll.value:+.3f}", end=" ")
        print(f"({nll.low:+.3f} to {nll.high:+.3f})")


print("more capitals")
remedies(clean[kept], clean_truth[kept])
print("severity 2")
remedies(shifted[2], labels[:2000])

# %% [markdown]
# Each remedy suits its own shift, and the wrong one does little or does harm. Later labels say
# which one you need.

# %% [markdown]
# Stop and go on
# --------------
#
# A restarted service loads what ``state_dict`` has saved.

# %%
z, y = stream(1)
state = watch(z[:1500], y[:1500]).state_dict()
resumed = calibkit.CalibrationMonitor(input="logits").load_state_dict(state)
resumed.update(z[1500:], y[1500:])
print(
    "same alarm:", resumed.report().alarm_at == watch(z, y).report().alarm_at
)

# %% [markdown]
# Say what you can without labels
# -------------------------------
#
# The mean confidence needs no labels. We add *unseen* glyphs, which belong to no class.

# %%
unseen = calibkit.glyphs100_logits(2000, seed=3, unseen=True, progress=False)
places = {
    "clean": (clean, clean_truth),
    "severity 2": (shifted[2], labels[:2000]),
    "unseen": (released(unseen[0]), unseen[1]),
}
for name, (z, y) in places.items():
    p, answer = z.softmax(1).max(1)
    right = (answer == y).double().mean()
    error = 2 * p.std() / len(p) ** 0.5
    print(f"{name:10} mean confidence {p.mean():.0%} ± {error:.0%}", end=", ")
    print(f"accuracy {right:.0%}")

# %% [markdown]
# The fall of the mean confidence says that the images have changed, but neither how they changed
# nor how many answers are right: the last two rows have about the same confidence and very
# different accuracies. Without labels, you can estimate class shares if the images of each class
# look as before, and accuracy if the network is still calibrated. Only labels tell you whether it
# is.

# %% [markdown] tags=["slide"]
# What to remember
# ----------------
#
# - Small windows and repeated tests mislead us
# - A bet may be looked at after every label
# - Without labels, an alarm is possible but no accuracy
#
# Say: Return to the chart from the beginning of the hour. What would you now put on the wall of the
# control room? A good answer is the wealth of a bettor with a line at twenty, beside the mean
# confidence. And what would you need for it? A steady flow of labels, drawn without regard to
# whether the answers were right. That is the hard part.

# %% [markdown]
# What we have seen
# -----------------
#
# - The ECE of a small window is mostly chance, and a repeated test raises many false alarms.
# - The wealth of a bettor is evidence that you may look at after every label.
# - The monitor says in which direction and roughly since when the network is wrong. A late shift or
#   a tolerance costs more labels.
# - After an alarm, fit on the labels since the estimated start and measure on later ones.
# - Without labels you may notice a change, but cannot measure the accuracy.

# %% [markdown]
# Exercises
# ---------
#
# 1. You bet on the coin as above, and every toss shows heads. After how many tosses do you own
#    twenty or more for the first time?

# %% tags=["answer"]
tosses = None

# %% tags=["solution"]
tosses = next(n for n in range(1, 100) if 1.5**n >= 20)

# %% tags=["wrong"]
wrong = [7, 9, 5, 20, 14]

# %% tags=["check"]
if tosses is not None:
    hint = "multiply the wealth by one and a half for each toss"
    assert 1.5**tosses >= 20, "the wealth is still below twenty: " + hint
    assert 1.5 ** (tosses - 1) < 20, "it was reached sooner: " + hint
    print(f"after {tosses} heads in a row the wealth is {1.5**tosses:.1f}")

# %% [markdown] tags=["solution"]
# A fair coin shows this many heads in a row only once in 256 attempts, which is much rarer than one
# in twenty. Most of what Ville's inequality allows is used up by longer ways to the same wealth. If
# you divided twenty by one and a half, you added up the wins. Wealth is multiplied.

# %% [markdown]
# 2. A colleague fears overconfidence and divides the logits ``clean`` by one and a half. Watch the
#    first 2000 of them, and enter the monitor's report.

# %% tags=["answer"]
cautious = None

# %% tags=["solution"]
cautious = watch(clean[:2000] / 1.5, clean_truth[:2000]).report()
print(cautious.direction, cautious.alarm_at)

# %% tags=["wrong"]
wrong = [
    watch(clean[:2000], clean_truth[:2000]).report(),
    watch(clean[:2000] * 1.5, clean_truth[:2000]).report(),
    watch(clean[:1000] / 1.5, clean_truth[:1000]).report(),
    "too low",
]

# %% tags=["check"]
if cautious is not None:
    hint = "enter what the method report() of the monitor returns"
    assert isinstance(cautious, calibkit.MonitorReport), hint
    assert cautious.n_labels == 2000, "watch exactly the first 2000 images"
    assert cautious.alarm, "there should be an alarm: are the logits divided?"
    hint = "the direction is not what caution brings: divide, do not multiply"
    assert cautious.direction in ("too low", "not extreme enough"), hint
    print(f"the alarm came after {cautious.alarm_at} labels")

# %% [markdown] tags=["solution"]
# The confidence is now too low: the network is right more often than it claims. The monitor bets on
# both sides, so it finds caution as well as overconfidence. A caution that nobody asked for also
# costs something, because more images than necessary are handed over to humans.

# %% [markdown]
# 3. In what share of the 300 calibrated streams does the z-test ever raise a false alarm, if you
#    look after every label from the hundredth on?

# %% tags=["answer"]
share_ever = None

# %% tags=["solution"]
beyond = z_scores[:, 99:].abs() > 1.96
share_ever = beyond.any(1).double().mean()

# %% tags=["wrong"]
wrong = [
    (z_scores[:, 99::100].abs() > 1.96).any(1).double().mean(),
    (z_scores[:, -1].abs() > 1.96).double().mean(),
    (z_scores[:, 99:] > 1.96).any(1).double().mean(),
    (z_scores.abs() > 1.96).any(1).double().mean(),
    0.05,
]

# %% tags=["check"]
if share_ever is not None:
    looks = (z_scores[:, 99:].abs() > 1.96).any(1).double().mean()
    given = float(share_ever)
    assert 0 <= given <= 1, "enter a share between 0 and 1"
    hint = "too few: look at every label, and at both signs of the z-score"
    assert given > looks - 0.01, hint
    hint = "too many: begin with the hundredth label, and not with the first"
    assert given < looks + 0.01, hint
    print(f"{given:.0%} of the calibrated streams raise a false alarm")

# %% [markdown] tags=["solution"]
# More looks give chance more opportunities. With a stream that never ends, every calibrated network
# would be rejected sooner or later. A stricter level does not help for ever. The bet does, because
# its guarantee never spoke of a number of looks.

# %% [markdown]
# 4. A hospital learns the true diagnosis only of patients who come back. How would you watch its
#    network?

# %% [markdown] tags=["solution"]
# The patients who come back are probably those whom the first answer did not help. Then the labels
# depend on whether the answer was right, and the guarantee of the monitor is lost. A good answer
# therefore asks for a sample: a few patients a week, drawn at random before anybody knows the
# outcome, are called and examined. Late labels do no harm if their delay does not depend on the
# answer. You choose the tolerance before the start, from what a wrong probability costs. Without
# labels you watch the mean confidence of all patients, as a hint that something has changed. After
# an alarm you fit on the labels since the estimated start, test on later patients and reset the
# monitor. An answer is incomplete if it feeds the returning patients to the monitor and trusts the
# alarm.

# %% [markdown]
# References
# ----------
#
# - Ville (1939). Étude critique de la notion de collectif. Gauthier-Villars.
#   https://www.numdam.org/item/THESE_1939__218__1_0/
# - Shafer (2021). Testing by Betting: A Strategy for Statistical and Scientific Communication.
#   Journal of the Royal Statistical Society A 184. https://doi.org/10.1111/rssa.12647
# - Arnold, Henzi and Ziegel (2023). Sequentially Valid Tests for Forecast Calibration. Annals of
#   Applied Statistics 17. https://arxiv.org/abs/2109.11761
# - Saerens, Latinne and Decaestecker (2002). Adjusting the Outputs of a Classifier to New a Priori
#   Probabilities: A Simple Procedure. Neural Computation 14.
#   https://doi.org/10.1162/089976602753284446
