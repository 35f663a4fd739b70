"""The facts that `smollm2_questions` asks about. They were typed by hand, and nothing was copied.

Countries are left out whose capital is disputed, or has the name of the country in it, or is not
the only one. Words with two accepted spellings are left out too.
"""

# countries with their capitals, by continent
CAPITALS = {
    "Europe": """Albania:Tirana Austria:Vienna Belarus:Minsk Belgium:Brussels
    Bosnia_and_Herzegovina:Sarajevo Bulgaria:Sofia Croatia:Zagreb Cyprus:Nicosia
    Czechia:Prague Denmark:Copenhagen Estonia:Tallinn Finland:Helsinki France:Paris
    Germany:Berlin Greece:Athens Hungary:Budapest Iceland:Reykjavik Ireland:Dublin Italy:Rome
    Latvia:Riga Liechtenstein:Vaduz Lithuania:Vilnius Malta:Valletta Moldova:Chisinau
    Montenegro:Podgorica Netherlands:Amsterdam North_Macedonia:Skopje Norway:Oslo Poland:Warsaw
    Portugal:Lisbon Romania:Bucharest Russia:Moscow Serbia:Belgrade Slovakia:Bratislava
    Slovenia:Ljubljana Spain:Madrid Sweden:Stockholm Switzerland:Bern Ukraine:Kyiv
    United_Kingdom:London""",
    "Asia": """Afghanistan:Kabul Armenia:Yerevan Azerbaijan:Baku Bahrain:Manama
    Bangladesh:Dhaka Bhutan:Thimphu Brunei:Bandar_Seri_Begawan Cambodia:Phnom_Penh China:Beijing
    Georgia:Tbilisi India:New_Delhi Iran:Tehran Iraq:Baghdad Japan:Tokyo Jordan:Amman
    Kazakhstan:Astana Kyrgyzstan:Bishkek Laos:Vientiane Lebanon:Beirut Malaysia:Kuala_Lumpur
    Maldives:Male Mongolia:Ulaanbaatar Myanmar:Naypyidaw Nepal:Kathmandu North_Korea:Pyongyang
    Oman:Muscat Pakistan:Islamabad Philippines:Manila Qatar:Doha Saudi_Arabia:Riyadh
    South_Korea:Seoul Syria:Damascus Tajikistan:Dushanbe Thailand:Bangkok Timor-Leste:Dili
    Turkey:Ankara Turkmenistan:Ashgabat United_Arab_Emirates:Abu_Dhabi Uzbekistan:Tashkent
    Vietnam:Hanoi Yemen:Sanaa""",
    "Africa": """Algeria:Algiers Angola:Luanda Botswana:Gaborone Burkina_Faso:Ouagadougou
    Burundi:Gitega Cameroon:Yaounde Cape_Verde:Praia Central_African_Republic:Bangui
    Chad:N'Djamena Comoros:Moroni Democratic_Republic_of_the_Congo:Kinshasa Egypt:Cairo
    Eritrea:Asmara Ethiopia:Addis_Ababa Gabon:Libreville Gambia:Banjul Ghana:Accra
    Guinea:Conakry Kenya:Nairobi Lesotho:Maseru Liberia:Monrovia Libya:Tripoli
    Madagascar:Antananarivo Malawi:Lilongwe Mali:Bamako Mauritania:Nouakchott
    Mauritius:Port_Louis Morocco:Rabat Mozambique:Maputo Namibia:Windhoek Niger:Niamey
    Nigeria:Abuja Republic_of_the_Congo:Brazzaville Rwanda:Kigali Senegal:Dakar
    Seychelles:Victoria Sierra_Leone:Freetown Somalia:Mogadishu South_Sudan:Juba Sudan:Khartoum
    Tanzania:Dodoma Togo:Lome Tunisia:Tunis Uganda:Kampala Zambia:Lusaka Zimbabwe:Harare""",
    "America": """Argentina:Buenos_Aires Bahamas:Nassau Barbados:Bridgetown Belize:Belmopan
    Brazil:Brasilia Canada:Ottawa Chile:Santiago Colombia:Bogota Costa_Rica:San_Jose Cuba:Havana
    Dominica:Roseau Dominican_Republic:Santo_Domingo Ecuador:Quito Grenada:Saint_George's
    Guyana:Georgetown Haiti:Port-au-Prince Honduras:Tegucigalpa Jamaica:Kingston
    Nicaragua:Managua Paraguay:Asuncion Peru:Lima Saint_Lucia:Castries Suriname:Paramaribo
    Trinidad_and_Tobago:Port_of_Spain Uruguay:Montevideo Venezuela:Caracas
    United_States:Washington,_D.C.""",
    "Oceania": """Australia:Canberra Fiji:Suva New_Zealand:Wellington Papua_New_Guinea:Port_Moresby
    Samoa:Apia Solomon_Islands:Honiara Tonga:Nuku'alofa Vanuatu:Port_Vila Tuvalu:Funafuti""",
}

# in the order of their atomic numbers
ELEMENTS = """Hydrogen:H Helium:He Lithium:Li Beryllium:Be Boron:B Carbon:C Nitrogen:N Oxygen:O
Fluorine:F Neon:Ne Sodium:Na Magnesium:Mg Aluminium:Al Silicon:Si Phosphorus:P Sulfur:S Chlorine:Cl
Argon:Ar Potassium:K Calcium:Ca Scandium:Sc Titanium:Ti Vanadium:V Chromium:Cr Manganese:Mn Iron:Fe
Cobalt:Co Nickel:Ni Copper:Cu Zinc:Zn Gallium:Ga Germanium:Ge Arsenic:As Selenium:Se Bromine:Br
Krypton:Kr Rubidium:Rb Strontium:Sr Yttrium:Y Zirconium:Zr Niobium:Nb Molybdenum:Mo Technetium:Tc
Ruthenium:Ru Rhodium:Rh Palladium:Pd Silver:Ag Cadmium:Cd Indium:In Tin:Sn Antimony:Sb Tellurium:Te
Iodine:I Xenon:Xe Caesium:Cs Barium:Ba Lanthanum:La Cerium:Ce Praseodymium:Pr Neodymium:Nd
Promethium:Pm Samarium:Sm Europium:Eu Gadolinium:Gd Terbium:Tb Dysprosium:Dy Holmium:Ho Erbium:Er
Thulium:Tm Ytterbium:Yb Lutetium:Lu Hafnium:Hf Tantalum:Ta Tungsten:W Rhenium:Re Osmium:Os
Iridium:Ir Platinum:Pt Gold:Au Mercury:Hg Thallium:Tl Lead:Pb Bismuth:Bi Polonium:Po Astatine:At
Radon:Rn Francium:Fr Radium:Ra Actinium:Ac Thorium:Th Protactinium:Pa Uranium:U Neptunium:Np
Plutonium:Pu Americium:Am Curium:Cm Berkelium:Bk Californium:Cf Einsteinium:Es Fermium:Fm
Mendelevium:Md Nobelium:No Lawrencium:Lr Rutherfordium:Rf Dubnium:Db Seaborgium:Sg Bohrium:Bh
Hassium:Hs Meitnerium:Mt Darmstadtium:Ds Roentgenium:Rg Copernicium:Cn Nihonium:Nh Flerovium:Fl
Moscovium:Mc Livermorium:Lv Tennessine:Ts Oganesson:Og"""

DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday"
MONTHS = """January February March April May June July August September October November
December"""

# small unit, large unit, how many
UNITS = """seconds:minutes:60 minutes:hours:60 hours:days:24 days:weeks:7 months:years:12
years:decades:10 years:centuries:100"""

SPELLING = """absence academy accident accommodate achieve acquire address adequate admire adventure
advertise afternoon agriculture airplane alphabet although ambitious ancient angry announce annual
answer anxious apartment apparent appetite approach argument artist assistant athlete attention
audience autumn average awkward balance balloon banana bargain barrier beautiful beginning believe
benefit bicycle biscuit blanket boundary breakfast bridge brilliant brother building business
butterfly cabbage camera candidate captain carpenter carriage castle category ceiling cemetery
century ceremony champion character chimney chocolate circle citizen climate coffee college
comfortable committee community companion competition complete concert condition conscience
conscious continue convenient corner courage cousin creature criticism curious customer danger
daughter debate decision definite delicious describe desperate develop dictionary different
difficult disappear disappoint disaster discipline discover disease distance doctor dolphin
education electricity elephant embarrass emotion engine enormous entrance environment envelope
equipment especially essential evidence exaggerate excellent exercise existence expensive experience
experiment explanation factory familiar famous fascinate fashion feature festival finally finger
foreign forest fortunate fountain freedom frequent friend furniture future generous genuine
geography government gradual grammar grateful guarantee guard guitar happiness harmony height
hesitate history holiday horizon hospital humorous hurricane identity illustrate imaginary immediate
important independent industry information innocent insect instrument intelligent interesting
interrupt invention island jealous jewel journey judge kitchen knowledge laboratory ladder language
laughter lawyer legend leisure lettuce library lightning literature lonely luggage machine magazine
maintenance manager marriage material meadow measure mechanic medicine memory millennium minute
miracle mirror mischievous mistake mountain muscle museum musician mystery narrow natural necessary
neighbourhood nephew nervous newspaper nuisance numerous obstacle occasion occurrence opinion
opportunity opposite orchestra ordinary original outrageous oxygen package palace parallel
parliament particular passenger patience pattern peculiar people performance permanent persuade
philosophy physical picture pigeon planet pleasant pleasure poison politician popular population
possess possible practical precious preference prejudice prepare presence president privilege
probably problem professor pronounce property psychology pumpkin punctual purchase quality quantity
question queue reason receive recipe recognise recommend reference relevant religious remember
restaurant rhyme rhythm ridiculous sandwich satellite sausage scarce schedule scissors secretary
sentence separate shoulder signature silence similar sincere skeleton soldier special stomach
straight strength successful sufficient surprise suspicious sympathy technique temperature temporary
thorough thought threaten through tomorrow tongue tragedy treasure umbrella uncomfortable university
unusual useful vacuum variety vegetable vehicle village villain visible volcano volunteer weather
wednesday weird whisper window winter wisdom yesterday"""

# a noun and its plural
PLURALS = """child:children foot:feet goose:geese man:men mouse:mice ox:oxen tooth:teeth woman:women
calf:calves half:halves knife:knives leaf:leaves life:lives loaf:loaves shelf:shelves thief:thieves
wife:wives wolf:wolves elf:elves chief:chiefs belief:beliefs cliff:cliffs chef:chefs proof:proofs
potato:potatoes tomato:tomatoes hero:heroes piano:pianos photo:photos radio:radios studio:studios
video:videos kangaroo:kangaroos city:cities baby:babies story:stories lady:ladies party:parties
berry:berries country:countries family:families army:armies body:bodies penny:pennies puppy:puppies
fairy:fairies cherry:cherries boy:boys key:keys day:days toy:toys monkey:monkeys valley:valleys
donkey:donkeys chimney:chimneys journey:journeys box:boxes church:churches dish:dishes glass:glasses
class:classes watch:watches brush:brushes fox:foxes bush:bushes match:matches dress:dresses
kiss:kisses tax:taxes wish:wishes bench:benches peach:peaches branch:branches lunch:lunches
beach:beaches boss:bosses book:books table:tables window:windows garden:gardens river:rivers
teacher:teachers flower:flowers letter:letters mountain:mountains pencil:pencils crisis:crises
analysis:analyses criterion:criteria phenomenon:phenomena nucleus:nuclei stimulus:stimuli
bacterium:bacteria thesis:theses oasis:oases hypothesis:hypotheses diagnosis:diagnoses
parenthesis:parentheses basis:bases reef:reefs desk:desks spoon:spoons sandwich:sandwiches fly:flies
enemy:enemies daisy:daisies museum:museums bridge:bridges horse:horses orange:oranges tiger:tigers
island:islands spider:spiders kitchen:kitchens ticket:tickets inch:inches coach:coaches"""

# verb:past tense:past participle
VERBS = """go:went:gone see:saw:seen eat:ate:eaten take:took:taken give:gave:given
write:wrote:written speak:spoke:spoken break:broke:broken choose:chose:chosen drive:drove:driven
ride:rode:ridden rise:rose:risen fly:flew:flown grow:grew:grown know:knew:known throw:threw:thrown
blow:blew:blown draw:drew:drawn begin:began:begun drink:drank:drunk sing:sang:sung swim:swam:swum
sink:sank:sunk come:came:come run:ran:run become:became:become buy:bought:bought
bring:brought:brought think:thought:thought catch:caught:caught teach:taught:taught
fight:fought:fought seek:sought:sought feel:felt:felt keep:kept:kept leave:left:left meet:met:met
sleep:slept:slept sweep:swept:swept lose:lost:lost send:sent:sent spend:spent:spent
build:built:built lend:lent:lent bend:bent:bent sit:sat:sat stand:stood:stood find:found:found
hold:held:held tell:told:told sell:sold:sold say:said:said pay:paid:paid make:made:made have:had:had
hear:heard:heard lead:led:led feed:fed:fed win:won:won dig:dug:dug stick:stuck:stuck
strike:struck:struck swing:swung:swung hide:hid:hidden bite:bit:bitten fall:fell:fallen
forget:forgot:forgotten forgive:forgave:forgiven freeze:froze:frozen steal:stole:stolen
wear:wore:worn tear:tore:torn swear:swore:sworn shake:shook:shaken do:did:done
understand:understood:understood sting:stung:stung slide:slid:slid shoot:shot:shot
grind:ground:ground bind:bound:bound flee:fled:fled creep:crept:crept shrink:shrank:shrunk
spin:spun:spun"""

# adjective:comparative:superlative
ADJECTIVES = """good:better:best bad:worse:worst big:bigger:biggest hot:hotter:hottest
thin:thinner:thinnest fat:fatter:fattest wet:wetter:wettest sad:sadder:saddest red:redder:reddest
happy:happier:happiest easy:easier:easiest early:earlier:earliest heavy:heavier:heaviest
funny:funnier:funniest pretty:prettier:prettiest busy:busier:busiest lucky:luckier:luckiest
dirty:dirtier:dirtiest angry:angrier:angriest hungry:hungrier:hungriest noisy:noisier:noisiest
lazy:lazier:laziest dry:drier:driest tall:taller:tallest small:smaller:smallest fast:faster:fastest
slow:slower:slowest cold:colder:coldest warm:warmer:warmest old:older:oldest young:younger:youngest
long:longer:longest short:shorter:shortest high:higher:highest low:lower:lowest
strong:stronger:strongest weak:weaker:weakest rich:richer:richest poor:poorer:poorest
clean:cleaner:cleanest cheap:cheaper:cheapest dark:darker:darkest bright:brighter:brightest
loud:louder:loudest soft:softer:softest hard:harder:hardest deep:deeper:deepest
nice:nicer:nicest large:larger:largest late:later:latest safe:safer:safest wide:wider:widest
brave:braver:bravest strange:stranger:strangest"""

# one:its opposite; the wrong options are taken from the same kind of word
OPPOSITES = {
    "adjectives": """hot:cold big:small tall:short fast:slow happy:sad rich:poor strong:weak
    bright:dark clean:dirty wet:dry early:late easy:difficult full:empty open:closed good:bad
    near:far thick:thin wide:narrow deep:shallow loud:quiet smooth:rough sharp:blunt sweet:sour
    cheap:expensive safe:dangerous true:false right:wrong brave:cowardly polite:rude
    honest:dishonest generous:stingy lazy:hardworking simple:complex modern:ancient public:private
    visible:invisible possible:impossible alive:dead awake:asleep rare:common guilty:innocent
    solid:liquid natural:artificial permanent:temporary male:female internal:external tight:loose
    straight:crooked cruel:kind careful:careless useful:useless proud:humble domestic:wild
    active:passive positive:negative maximum:minimum vertical:horizontal plural:singular major:minor
    optimistic:pessimistic transparent:opaque flexible:rigid fresh:stale odd:even rural:urban
    literal:figurative formal:informal legal:illegal regular:irregular logical:illogical
    fertile:barren concave:convex northern:southern eastern:western upper:lower voluntary:compulsory
    abstract:concrete theoretical:practical fictional:factual senior:junior mortal:immortal
    edible:inedible patient:impatient loyal:disloyal lucky:unlucky known:unknown""",
    "verbs": """buy:sell give:take push:pull win:lose love:hate start:stop arrive:depart
    remember:forget build:destroy laugh:cry accept:refuse increase:decrease lend:borrow rise:fall
    attack:defend hide:reveal succeed:fail teach:learn save:spend ask:answer agree:disagree
    allow:forbid appear:vanish attract:repel freeze:melt import:export include:exclude inhale:exhale
    join:separate lock:unlock reward:punish tighten:loosen whisper:shout obey:disobey trust:distrust
    pack:unpack dress:undress inflate:deflate deposit:withdraw hire:dismiss marry:divorce
    advance:retreat complicate:simplify strengthen:weaken""",
    "nouns": """day:night friend:enemy war:peace life:death heaven:hell summer:winter beginning:end
    question:reply victory:defeat profit:loss north:south east:west front:back top:bottom
    inside:outside arrival:departure strength:weakness truth:lie wealth:poverty order:chaos
    hero:villain giant:dwarf joy:sorrow courage:cowardice knowledge:ignorance majority:minority
    sunrise:sunset supply:demand cause:effect guest:host teacher:pupil past:future
    advantage:disadvantage youth:old_age entrance:exit noise:silence buyer:seller winner:loser
    employer:employee optimist:pessimist amateur:professional predator:prey debtor:creditor
    ancestor:descendant husband:wife vowel:consonant freedom:slavery innocence:guilt""",
}
