# SPDX-License-Identifier: Apache-2.0
"""Hand-written question-and-answer tables for the demo model."""

# country | capital | continent; a leading "the " belongs to the country's name.
COUNTRIES = """
Afghanistan|Kabul|Asia
Albania|Tirana|Europe
Algeria|Algiers|Africa
Andorra|Andorra la Vella|Europe
Angola|Luanda|Africa
Argentina|Buenos Aires|South America
Armenia|Yerevan|Asia
Australia|Canberra|Oceania
Austria|Vienna|Europe
Azerbaijan|Baku|Asia
the Bahamas|Nassau|North America
Bahrain|Manama|Asia
Bangladesh|Dhaka|Asia
Barbados|Bridgetown|North America
Belarus|Minsk|Europe
Belgium|Brussels|Europe
Belize|Belmopan|North America
Benin|Porto-Novo|Africa
Bhutan|Thimphu|Asia
Bolivia|Sucre|South America
Bosnia and Herzegovina|Sarajevo|Europe
Botswana|Gaborone|Africa
Brazil|Brasilia|South America
Bulgaria|Sofia|Europe
Burkina Faso|Ouagadougou|Africa
Burundi|Gitega|Africa
Cambodia|Phnom Penh|Asia
Cameroon|Yaounde|Africa
Canada|Ottawa|North America
Chad|N'Djamena|Africa
Chile|Santiago|South America
China|Beijing|Asia
Colombia|Bogota|South America
Costa Rica|San Jose|North America
Croatia|Zagreb|Europe
Cuba|Havana|North America
Cyprus|Nicosia|Asia
the Czech Republic|Prague|Europe
Denmark|Copenhagen|Europe
Djibouti|Djibouti|Africa
the Dominican Republic|Santo Domingo|North America
Ecuador|Quito|South America
Egypt|Cairo|Africa
El Salvador|San Salvador|North America
Eritrea|Asmara|Africa
Estonia|Tallinn|Europe
Ethiopia|Addis Ababa|Africa
Fiji|Suva|Oceania
Finland|Helsinki|Europe
France|Paris|Europe
Gabon|Libreville|Africa
the Gambia|Banjul|Africa
Georgia|Tbilisi|Asia
Germany|Berlin|Europe
Ghana|Accra|Africa
Greece|Athens|Europe
Guatemala|Guatemala City|North America
Guinea|Conakry|Africa
Guyana|Georgetown|South America
Haiti|Port-au-Prince|North America
Honduras|Tegucigalpa|North America
Hungary|Budapest|Europe
Iceland|Reykjavik|Europe
India|New Delhi|Asia
Indonesia|Jakarta|Asia
Iran|Tehran|Asia
Iraq|Baghdad|Asia
Ireland|Dublin|Europe
Italy|Rome|Europe
Ivory Coast|Yamoussoukro|Africa
Jamaica|Kingston|North America
Japan|Tokyo|Asia
Jordan|Amman|Asia
Kazakhstan|Astana|Asia
Kenya|Nairobi|Africa
Kuwait|Kuwait City|Asia
Kyrgyzstan|Bishkek|Asia
Laos|Vientiane|Asia
Latvia|Riga|Europe
Lebanon|Beirut|Asia
Lesotho|Maseru|Africa
Liberia|Monrovia|Africa
Libya|Tripoli|Africa
Liechtenstein|Vaduz|Europe
Lithuania|Vilnius|Europe
Luxembourg|Luxembourg|Europe
Madagascar|Antananarivo|Africa
Malawi|Lilongwe|Africa
Malaysia|Kuala Lumpur|Asia
the Maldives|Male|Asia
Mali|Bamako|Africa
Malta|Valletta|Europe
Mauritania|Nouakchott|Africa
Mauritius|Port Louis|Africa
Mexico|Mexico City|North America
Moldova|Chisinau|Europe
Monaco|Monaco|Europe
Mongolia|Ulaanbaatar|Asia
Montenegro|Podgorica|Europe
Morocco|Rabat|Africa
Mozambique|Maputo|Africa
Myanmar|Naypyidaw|Asia
Namibia|Windhoek|Africa
Nepal|Kathmandu|Asia
the Netherlands|Amsterdam|Europe
New Zealand|Wellington|Oceania
Nicaragua|Managua|North America
Niger|Niamey|Africa
Nigeria|Abuja|Africa
North Korea|Pyongyang|Asia
North Macedonia|Skopje|Europe
Norway|Oslo|Europe
Oman|Muscat|Asia
Pakistan|Islamabad|Asia
Panama|Panama City|North America
Papua New Guinea|Port Moresby|Oceania
Paraguay|Asuncion|South America
Peru|Lima|South America
the Philippines|Manila|Asia
Poland|Warsaw|Europe
Portugal|Lisbon|Europe
Qatar|Doha|Asia
Romania|Bucharest|Europe
Russia|Moscow|Europe
Rwanda|Kigali|Africa
Samoa|Apia|Oceania
Saudi Arabia|Riyadh|Asia
Senegal|Dakar|Africa
Serbia|Belgrade|Europe
Sierra Leone|Freetown|Africa
Singapore|Singapore|Asia
Slovakia|Bratislava|Europe
Slovenia|Ljubljana|Europe
Somalia|Mogadishu|Africa
South Africa|Pretoria|Africa
South Korea|Seoul|Asia
South Sudan|Juba|Africa
Spain|Madrid|Europe
Sri Lanka|Colombo|Asia
Sudan|Khartoum|Africa
Suriname|Paramaribo|South America
Sweden|Stockholm|Europe
Switzerland|Bern|Europe
Syria|Damascus|Asia
Taiwan|Taipei|Asia
Tajikistan|Dushanbe|Asia
Tanzania|Dodoma|Africa
Thailand|Bangkok|Asia
Togo|Lome|Africa
Tunisia|Tunis|Africa
Turkey|Ankara|Asia
Turkmenistan|Ashgabat|Asia
Uganda|Kampala|Africa
Ukraine|Kyiv|Europe
the United Arab Emirates|Abu Dhabi|Asia
the United Kingdom|London|Europe
the United States|Washington, D.C.|North America
Uruguay|Montevideo|South America
Uzbekistan|Tashkent|Asia
Venezuela|Caracas|South America
Vietnam|Hanoi|Asia
Yemen|Sanaa|Asia
Zambia|Lusaka|Africa
Zimbabwe|Harare|Africa
""".strip().splitlines()

# Asked for most often; only these are also asked backwards.
FAMOUS = """
Argentina Australia Austria Belgium Brazil Canada Chile China Colombia Croatia Cuba Denmark Egypt Ethiopia Finland France Germany
Ghana Greece Hungary Iceland India Indonesia Iran Iraq Ireland Italy Jamaica Japan Kenya Mexico Morocco Nepal Nigeria Norway
Pakistan Peru Poland Portugal Russia Spain Sweden Switzerland Thailand Turkey Ukraine Vietnam
""".split() + ["the Netherlands", "the United States", "the United Kingdom", "South Africa", "South Korea", "New Zealand"]

# topic (an initial * marks a plural, a second name may follow a slash) | answer
DEFINITIONS = """
*derivatives/a derivative|A derivative tells you how fast something is changing. If you are driving a car, your speed is the derivative of your position. On a graph, the derivative is the slope of the line at one point: a steep line has a big derivative, and a flat line has a derivative of zero.
*integrals/an integral|An integral adds up many small pieces to find a total. If you know your speed at each moment, the integral of your speed tells you how far you went. On a graph, the integral is the area under the line.
*limits/a limit|A limit is the value that a function gets closer and closer to as its input gets closer to some number.
calculus|Calculus is the part of mathematics that studies change. It has two main ideas: derivatives, which tell how fast things change, and integrals, which add up small pieces.
algebra|Algebra is the part of mathematics that uses letters, like x and y, to stand for numbers that we do not know yet.
geometry|Geometry is the part of mathematics that studies shapes, sizes, lines and angles.
*fractions/a fraction|A fraction is a part of a whole. If you cut a cake into four equal pieces and eat one, you ate one fourth of the cake.
*prime numbers/a prime number|A prime number is a whole number greater than 1 that can only be divided by 1 and by itself. The first prime numbers are 2, 3, 5, 7 and 11.
probability|Probability tells how likely something is to happen. It goes from 0, which means never, to 1, which means always.
the average/an average|To find the average of some numbers, add them all up and divide by how many there are.
gravity|Gravity is the force that pulls things toward each other. It keeps our feet on the ground and makes a ball fall down when you drop it.
photosynthesis|Photosynthesis is how plants make their food. They use sunlight, water and carbon dioxide to make sugar, and they give off oxygen.
energy|Energy is the ability to do work. Light, heat, motion and electricity are all forms of energy.
electricity|Electricity is the flow of tiny charged particles called electrons. It gives power to lamps, computers and many other things.
magnetism|Magnetism is a force that makes magnets pull or push each other. Magnets also pull iron.
friction|Friction is the force that slows things down when they rub against each other.
*atoms/an atom|Atoms are the tiny building blocks of everything. An atom has a nucleus in the middle, with electrons around it.
*molecules/a molecule|A molecule is a group of atoms that are joined together. A water molecule has two hydrogen atoms and one oxygen atom.
*cells/a cell|A cell is the smallest living part of a plant or an animal. Your body is made of trillions of cells.
DNA|DNA is a long molecule inside living cells. It holds the instructions for how a living thing grows and works.
evolution|Evolution is how living things change slowly over many generations. Those that fit their world best have more young.
the water cycle|The water cycle is the journey of water on Earth. Water rises from the sea as vapor, makes clouds, falls as rain, and flows back to the sea.
rain|Rain is water that falls from clouds. Tiny drops in a cloud join together until they are too heavy and fall down.
snow|Snow is frozen water that falls from clouds as small white ice crystals.
wind|Wind is moving air. It blows because the sun warms some parts of the Earth more than others.
a rainbow|A rainbow is a band of colors in the sky. It appears when sunlight shines through drops of rain.
*volcanoes/a volcano|A volcano is a mountain with an opening from which hot melted rock, ash and gas come out of the Earth.
*earthquakes/an earthquake|An earthquake is a shaking of the ground. It happens when large pieces of rock inside the Earth move suddenly.
the sun|The sun is the star at the center of our solar system. It gives us light and heat.
the moon|The moon goes around the Earth about once a month. It shines because it reflects the light of the sun.
*planets/a planet|A planet is a large round body that goes around a star. Earth is the third planet from the sun.
*stars/a star|A star is a huge ball of hot gas that makes its own light. The sun is the star nearest to us.
*galaxies/a galaxy|A galaxy is a very large group of stars, gas and dust. Our galaxy is called the Milky Way.
*black holes/a black hole|A black hole is a place in space where gravity is so strong that not even light can get out.
the solar system|The solar system is the sun and everything that goes around it: eight planets, their moons, and many small rocks.
light|Light is a kind of energy that we can see. It is the fastest thing there is.
sound|Sound is made when something shakes and makes the air shake too. Our ears feel this shaking, and we hear it.
heat|Heat is energy that moves from a warm thing to a cold thing.
temperature|Temperature tells how hot or cold something is. We measure it with a thermometer.
oxygen|Oxygen is a gas in the air. People and animals need to breathe it to live.
water|Water is a clear liquid made of hydrogen and oxygen. All living things need it.
ice|Ice is frozen water. Water turns to ice at zero degrees Celsius.
*computers/a computer|A computer is a machine that follows instructions to work with information, such as numbers, words and pictures.
*programs/a program|A program is a list of instructions that tells a computer what to do.
*algorithms/an algorithm|An algorithm is a list of steps for solving a problem, like a recipe for cooking a cake.
recursion|Recursion is when a function calls itself to solve a smaller version of the same problem, until the problem is so small that the answer is known.
*variables/a variable|A variable is a name that holds a value. The value can change while a program runs.
*functions/a function|A function is a named piece of a program. It takes some inputs, does some work, and gives back a result.
*loops/a loop|A loop is a part of a program that is repeated, again and again, until it is done.
*lists/a list|A list holds many values in order. In Python you can write a list like this: [1, 2, 3].
Python|Python is a programming language. It is easy to read and is used for web sites, science and machine learning.
C/the C language|C is a programming language. It is small and fast, and many operating systems are written in it.
*bits/a bit|A bit is the smallest piece of information in a computer. It is either 0 or 1.
*bytes/a byte|A byte is a group of eight bits. It can hold a number from 0 to 255.
*floating point numbers/a floating point number|A floating point number is how a computer stores numbers with a fraction. It keeps some digits and an exponent that says where the point goes.
FP8|FP8 is a way to store a number in only eight bits: one for the sign, a few for the exponent and a few for the digits. It makes models small, but less exact.
quantization|Quantization stores the numbers of a model with fewer bits. The model gets smaller and faster, but a little less exact.
*language models/a language model|A language model is a program that has read a lot of text and learned to guess the next word. By guessing word after word it can write sentences.
*neural networks/a neural network|A neural network is a program that learns from examples. It is made of many simple units that are joined together, a little like the cells in a brain.
machine learning|Machine learning is when a computer learns from examples instead of being told every rule.
artificial intelligence|Artificial intelligence is the work of making computers do things that seem to need thinking, such as reading, talking and playing games.
*transformers/a transformer|A transformer is a kind of neural network for text. It uses attention to look at all the words before the next one.
attention|Attention is how a model decides which earlier words matter most for the next word.
*tokens/a token|A token is a small piece of text, such as a word or a part of a word. A language model reads and writes tokens.
the internet|The internet is a network that joins computers all over the world so that they can share information.
*databases/a database|A database is a place where a computer keeps information in order, so that it can be found quickly.
democracy|Democracy is a way to rule a country in which the people choose their leaders by voting.
money|Money is what people use to buy and sell things. It can be coins, paper or numbers in a bank.
inflation|Inflation means that prices go up over time, so that the same money buys less.
*nouns/a noun|A noun is a word that names a person, a place or a thing, such as "girl", "park" or "ball".
*verbs/a verb|A verb is a word for something that is done, such as "run", "eat" or "sleep".
*adjectives/an adjective|An adjective is a word that describes a thing, such as "big", "red" or "happy".
*synonyms/a synonym|A synonym is a word that means the same as another word. "Glad" is a synonym of "happy".
friendship|Friendship is when people like each other, help each other and have fun together.
kindness|Kindness means being good to others: helping, sharing and saying nice words.
courage|Courage means doing what is right even when you are afraid.
*mammals/a mammal|A mammal is an animal that feeds its babies with milk. Dogs, whales and people are mammals.
*birds/a bird|A bird is an animal with feathers, two wings and a beak. Most birds can fly.
*insects/an insect|An insect is a small animal with six legs. Ants, bees and butterflies are insects.
*dinosaurs/a dinosaur|Dinosaurs were animals that lived on Earth a very long time ago. Some were as big as a house.
*seeds/a seed|A seed is a small thing from which a new plant can grow, if it has soil, water and sun.
the heart|The heart is a muscle in your chest. It pumps blood through your body.
the brain|The brain is inside your head. It lets you think, feel, remember and move.
""".strip().splitlines()

# name | requests (infinitive phrases) | code. The code is run by check_code().
CODE = [
("factorial", ["compute the factorial of a number", "calculate the factorial of a number", "find the factorial of n", "calculate factorial", "return the factorial of an integer"],
 "def factorial(n):\n    result = 1\n    for i in range(2, n + 1):\n        result *= i\n    return result", "factorial(5) == 120"),
("recursive_factorial", ["compute the factorial of a number using recursion", "calculate the factorial recursively"],
 "def factorial(n):\n    if n <= 1:\n        return 1\n    return n * factorial(n - 1)", "factorial(5) == 120"),
("fibonacci", ["compute the nth Fibonacci number", "calculate Fibonacci numbers", "find the nth Fibonacci number", "compute the Fibonacci sequence"],
 "def fibonacci(n):\n    a, b = 0, 1\n    for i in range(n):\n        a, b = b, a + b\n    return a", "fibonacci(10) == 55"),
("is_prime", ["check if a number is prime", "test whether a number is prime", "check for prime numbers", "find out if n is prime"],
 "def is_prime(n):\n    if n < 2:\n        return False\n    i = 2\n    while i * i <= n:\n        if n % i == 0:\n            return False\n        i += 1\n    return True", "is_prime(13) and not is_prime(9)"),
("reverse_string", ["reverse a string", "turn a string around", "return a string backwards"],
 "def reverse_string(s):\n    return s[::-1]", "reverse_string('abc') == 'cba'"),
("sum_list", ["compute the sum of a list", "add up the numbers in a list", "sum a list of numbers", "find the sum of all elements in a list"],
 "def sum_list(numbers):\n    total = 0\n    for x in numbers:\n        total += x\n    return total", "sum_list([1, 2, 3]) == 6"),
("gcd", ["compute the greatest common divisor of two numbers", "find the gcd of two numbers", "calculate the greatest common divisor"],
 "def gcd(a, b):\n    while b:\n        a, b = b, a % b\n    return a", "gcd(12, 18) == 6"),
("lcm", ["compute the least common multiple of two numbers", "find the lcm of two numbers"],
 "def gcd(a, b):\n    while b:\n        a, b = b, a % b\n    return a\n\ndef lcm(a, b):\n    return a * b // gcd(a, b)", "lcm(4, 6) == 12"),
("is_even", ["check if a number is even", "test whether a number is even"],
 "def is_even(n):\n    return n % 2 == 0", "is_even(4)"),
("is_odd", ["check if a number is odd", "test whether a number is odd"],
 "def is_odd(n):\n    return n % 2 == 1", "is_odd(3)"),
("find_max", ["find the largest number in a list", "find the maximum of a list", "return the maximum value in a list"],
 "def find_max(numbers):\n    largest = numbers[0]\n    for x in numbers:\n        if x > largest:\n            largest = x\n    return largest", "find_max([3, 7, 5]) == 7"),
("find_min", ["find the smallest number in a list", "find the minimum of a list", "return the minimum value in a list"],
 "def find_min(numbers):\n    smallest = numbers[0]\n    for x in numbers:\n        if x < smallest:\n            smallest = x\n    return smallest", "find_min([3, 1, 5]) == 1"),
("average", ["compute the average of a list", "calculate the mean of a list of numbers", "find the average of some numbers"],
 "def average(numbers):\n    return sum(numbers) / len(numbers)", "average([2, 4]) == 3"),
("is_palindrome", ["check if a string is a palindrome", "test whether a word is a palindrome"],
 "def is_palindrome(s):\n    return s == s[::-1]", "is_palindrome('level')"),
("count_vowels", ["count the vowels in a string", "count vowels", "find the number of vowels in a word"],
 "def count_vowels(s):\n    count = 0\n    for c in s.lower():\n        if c in \"aeiou\":\n            count += 1\n    return count", "count_vowels('Apple') == 2"),
("count_words", ["count the words in a string", "count the number of words in a text"],
 "def count_words(text):\n    return len(text.split())", "count_words('a b c') == 3"),
("bubble_sort", ["sort a list with bubble sort", "sort a list of numbers", "implement bubble sort"],
 "def bubble_sort(a):\n    for i in range(len(a)):\n        for j in range(len(a) - 1 - i):\n            if a[j] > a[j + 1]:\n                a[j], a[j + 1] = a[j + 1], a[j]\n    return a", "bubble_sort([3, 1, 2]) == [1, 2, 3]"),
("binary_search", ["search a sorted list", "implement binary search", "do a binary search"],
 "def binary_search(a, x):\n    low, high = 0, len(a) - 1\n    while low <= high:\n        mid = (low + high) // 2\n        if a[mid] == x:\n            return mid\n        if a[mid] < x:\n            low = mid + 1\n        else:\n            high = mid - 1\n    return -1", "binary_search([1, 3, 5], 5) == 2"),
("add", ["add two numbers", "compute the sum of two numbers"],
 "def add(a, b):\n    return a + b", "add(2, 3) == 5"),
("multiply", ["multiply two numbers", "compute the product of two numbers"],
 "def multiply(a, b):\n    return a * b", "multiply(2, 3) == 6"),
("square", ["square a number", "compute the square of a number"],
 "def square(x):\n    return x * x", "square(4) == 16"),
("power", ["raise a number to a power", "compute x to the power of n"],
 "def power(x, n):\n    result = 1\n    for i in range(n):\n        result *= x\n    return result", "power(2, 5) == 32"),
("area", ["compute the area of a circle", "find the area of a circle"],
 "import math\n\ndef circle_area(r):\n    return math.pi * r * r", "abs(circle_area(1) - 3.14159) < 1e-3"),
("rectangle_area", ["compute the area of a rectangle", "find the area of a rectangle"],
 "def rectangle_area(width, height):\n    return width * height", "rectangle_area(2, 3) == 6"),
("fahrenheit", ["convert Celsius to Fahrenheit", "turn degrees Celsius into Fahrenheit"],
 "def to_fahrenheit(celsius):\n    return celsius * 9 / 5 + 32", "to_fahrenheit(100) == 212"),
("celsius", ["convert Fahrenheit to Celsius", "turn degrees Fahrenheit into Celsius"],
 "def to_celsius(fahrenheit):\n    return (fahrenheit - 32) * 5 / 9", "to_celsius(212) == 100"),
("hello", ["print hello world", "say hello"],
 "def hello():\n    print(\"Hello, world!\")", "hello() is None"),
("leap", ["check if a year is a leap year", "find out whether a year is a leap year"],
 "def is_leap_year(year):\n    if year % 400 == 0:\n        return True\n    if year % 100 == 0:\n        return False\n    return year % 4 == 0", "is_leap_year(2000) and not is_leap_year(1900)"),
("remove_duplicates", ["remove duplicates from a list", "remove repeated elements from a list"],
 "def remove_duplicates(items):\n    result = []\n    for x in items:\n        if x not in result:\n            result.append(x)\n    return result", "remove_duplicates([1, 1, 2]) == [1, 2]"),
("swap", ["swap two variables", "exchange two values"],
 "def swap(a, b):\n    return b, a", "swap(1, 2) == (2, 1)"),
("fizzbuzz", ["print FizzBuzz", "solve FizzBuzz"],
 "def fizzbuzz(n):\n    for i in range(1, n + 1):\n        if i % 15 == 0:\n            print(\"FizzBuzz\")\n        elif i % 3 == 0:\n            print(\"Fizz\")\n        elif i % 5 == 0:\n            print(\"Buzz\")\n        else:\n            print(i)", "fizzbuzz(1) is None"),
("sum_digits", ["sum the digits of a number", "add the digits of a number"],
 "def sum_digits(n):\n    total = 0\n    while n > 0:\n        total += n % 10\n        n //= 10\n    return total", "sum_digits(123) == 6"),
]


def check_code():
    """Run every function of CODE against its test expression."""
    for name, _, code, test in CODE:
        scope = {}
        exec(compile(code, name, "exec"), scope)
        assert eval(test, scope), name


# questions separated by " / " | answer
SMALL_TALK = """
Hello / Hi / Hey / Hello! / Hi there / Good day / Hello, how are you?|Hello! I am a tiny model. Ask me for a story, a capital city or a small Python function.
How are you? / How are you doing?|I am fine, thank you. How can I help you?
Good morning / Good morning!|Good morning! How can I help you?
Good night / Good night!|Good night! Sleep well.
Thank you / Thanks / Thank you! / Thanks a lot|You are welcome!
Bye / Goodbye / See you|Goodbye! Have a nice day.
Who are you? / What are you? / What is your name? / Introduce yourself / Tell me about yourself|I am the demo model of octet, a very small language model with about six million weights stored in FP8. I can tell short stories and answer a few simple questions.
What can you do? / How can you help me? / Help / What can I ask you?|I can tell short stories, name capital cities, explain a few simple ideas and write small Python functions.
Who made you? / Where do you come from?|I was trained from the start on one processor core, with short stories and simple questions, as a demo for octet.
Are you a human? / Are you a person? / Are you real?|No, I am a very small language model.
What is octet?|Octet is a program that runs FP8 language models on processors that have no FP8 instructions.
What time is it? / What day is it today? / What is the weather today? / Will it rain tomorrow?|I do not know. I am a small model and I cannot see the world.
What is the largest ocean?|The largest ocean is the Pacific Ocean.
What is the largest planet? / Which planet is the largest?|The largest planet in our solar system is Jupiter.
What is the smallest planet?|The smallest planet in our solar system is Mercury.
Which planet is closest to the sun?|Mercury is the planet closest to the sun.
Which planet is called the red planet?|Mars is called the red planet.
What is the highest mountain? / What is the tallest mountain in the world?|The highest mountain in the world is Mount Everest.
What is the largest animal? / What is the biggest animal?|The blue whale is the largest animal.
What is the fastest land animal?|The cheetah is the fastest land animal.
What is the tallest animal?|The giraffe is the tallest animal.
How many days are in a week? / How many days does a week have?|There are seven days in a week.
How many months are in a year?|There are twelve months in a year.
How many hours are in a day?|There are 24 hours in a day.
How many minutes are in an hour?|There are 60 minutes in an hour.
How many days are in a year?|There are 365 days in a year, and 366 in a leap year.
How many continents are there?|There are seven continents: Africa, Antarctica, Asia, Europe, North America, Oceania and South America.
Name the days of the week / What are the days of the week?|The days of the week are Monday, Tuesday, Wednesday, Thursday, Friday, Saturday and Sunday.
Name the seasons / What are the four seasons?|The four seasons are spring, summer, autumn and winter.
Name three colors / Name some colors|Red, blue and yellow.
Name three animals / Name some animals|A dog, a cat and a bird.
Name three fruits / Name some fruits|An apple, a banana and an orange.
What color is the sky? / Why is the sky blue?|The sky is blue because air scatters the blue part of sunlight more than the red part.
What color is grass?|Grass is green.
What sound does a dog make?|A dog says "woof".
What sound does a cat make?|A cat says "meow".
What sound does a cow make?|A cow says "moo".
What do bees make?|Bees make honey.
What do cows eat?|Cows eat grass.
Who wrote Romeo and Juliet? / Who wrote Hamlet?|William Shakespeare wrote it.
Who painted the Mona Lisa?|Leonardo da Vinci painted the Mona Lisa.
Who was Albert Einstein?|Albert Einstein was a physicist. He is known for the theory of relativity.
Who was Isaac Newton?|Isaac Newton was a scientist who described gravity and the laws of motion.
At what temperature does water boil? / What is the boiling point of water?|Water boils at 100 degrees Celsius.
At what temperature does water freeze? / What is the freezing point of water?|Water freezes at zero degrees Celsius.
What is the chemical formula of water? / What is the formula for water?|The chemical formula of water is H2O.
What is the speed of light?|The speed of light is about 300,000 kilometers per second.
What is pi?|Pi is the distance around a circle divided by the distance across it. It is about 3.14159.
Tell me a joke / Make me laugh|Why did the bear sit on the ball? Because all the chairs were bears too!
Say hello in French / How do you say hello in French?|Hello in French is "bonjour".
Say hello in Spanish / How do you say hello in Spanish?|Hello in Spanish is "hola".
Say hello in German / How do you say hello in German?|Hello in German is "hallo".
""".strip().splitlines()

# Countable nouns that a story request may name.
NOUNS = """
dog cat ball bird tree house car boat fish bear rabbit frog duck horse cow pig sheep goat lion tiger monkey elephant mouse fox wolf
squirrel turtle bee butterfly ant spider snake owl hen chicken puppy kitten baby boy girl king queen princess prince witch fairy
dragon giant robot doctor farmer teacher policeman fireman sailor pirate clown chef baker friend brother sister mother father
grandma grandpa park garden forest farm beach lake river sea mountain hill cave castle school store shop kitchen bed box bag book
toy doll train truck bus bike plane kite balloon hat dress shirt shoe sock coat ring necklace key door window lamp clock phone
camera picture mirror cup bowl spoon plate pot knife cake cookie apple banana orange carrot pumpkin sandwich pie flower rose leaf
branch stick stone rock shell star moon cloud rainbow storm bridge road fence swing slide drum guitar piano song game puzzle
present gift party birthday letter map treasure coin bottle basket blanket pillow broom hammer rope bench table chair tower
snowman nest egg feather wing tail bone whale dolphin crab shark seal penguin zebra giraffe kangaroo parrot hippo crocodile deer
bunny caterpillar worm snail lizard dinosaur monster ghost unicorn wagon tent ladder bucket bell candle crayon pencil
""".split()

# nouns of the request | story
STORIES = """
dog,ball|Once upon a time, there was a dog named Max. Max had a red ball, and he loved it very much. One day, the ball rolled down the hill and into a hole. Max could not reach it, and he was sad. A little girl named Lily saw him. "Do not cry, Max," she said. "I can help you." Lily took a long stick and pushed the ball out of the hole. Max jumped and wagged his tail. From that day on, Max and Lily played with the red ball every day.
cat,mouse|Once upon a time, there was a cat named Mimi. One day, Mimi saw a small mouse in the kitchen. "Please do not eat me," said the mouse. "I only want some cheese." Mimi was not hungry, so she gave the mouse a piece of cheese. That night, Mimi got stuck in a net. The mouse came and cut the net with her teeth. "Thank you," said Mimi. The cat and the mouse were friends from then on.
girl,flower|Once upon a time, there was a girl named Anna. She found a small flower in the garden. The flower was dry and its head hung down. Anna felt sorry for it. Every morning, she gave it some water. After a week, the flower stood up tall and opened its yellow petals. A bee came and said, "What a lovely flower!" Anna smiled. She knew that a little care can do big things.
boy,kite|Once upon a time, there was a boy named Tom. He made a blue kite with his father. They went to the hill, where the wind was strong. Tom ran and the kite flew up high. But then the string broke, and the kite landed in a tall tree. Tom was sad. His father lifted him up, and Tom got his kite back. They tied a new string, and the kite flew even higher.
bird,tree|Once upon a time, there was a little bird who lived in a big tree. The bird was afraid to fly. "Just try," said the tree. "My leaves are soft, and I will catch you." The bird closed her eyes and jumped. She opened her wings, and she did not fall. She was flying! The bird flew around the tree and sang a happy song. "Thank you, tree," she said.
rabbit,carrot|Once upon a time, there was a rabbit named Ben. Ben found a very big carrot in the field. He pulled and pulled, but it did not move. His friend the mouse came to help, and then the duck came too. They all pulled together. Pop! The carrot came out of the ground. It was so big that they all ate it for dinner. Ben was glad that he had good friends.
frog,duck|Once upon a time, there was a green frog who lived in a pond. He had no one to play with. One day, a yellow duck came to the pond. "Can you jump?" asked the frog. "No, but I can swim," said the duck. So the frog showed the duck how to jump, and the duck showed the frog how to swim fast. They laughed all day and became best friends.
bear|Once upon a time, there was a bear who loved honey. One day, he found honey in a tree and wanted to take it all. "Please leave some for us," said the bees. "We need it for the winter." The bear thought about it. He took only a little, and he said thank you. The bees were happy. The next day, they left a small pot of honey at the door of the bear.
boy,boat|Once upon a time, there was a boy named Sam. He made a little boat from wood and paper. He put the boat on the river, and it sailed away. Sam ran along the river, but the boat was too fast. An old man was fishing by the bridge. He saw the boat and caught it with his net. "Is this yours?" he asked. Sam smiled and said, "Yes, thank you!"
girl,dog|Once upon a time, there was a girl named Mia. She saw a small dog in the rain. The dog was cold and wet. Mia took him home and dried him with a towel. She gave him warm milk. The next day, she looked for his family, but nobody knew the dog. "Then you can stay with us," said her mother. Mia was so happy. She named the dog Lucky.
king,dragon|Once upon a time, there was a king who lived in a castle. One day, a dragon came and sat on the roof. Everyone was afraid. But the king saw that the dragon was crying. "What is wrong?" he asked. "I have a thorn in my foot," said the dragon. The king pulled the thorn out. The dragon thanked him, and from then on he kept the castle warm in winter.
robot,cat|Once upon a time, there was a robot named Bip. Bip lived alone and wanted a friend. One day, a cat came in through the window. She sat down on Bip because he was warm. Bip did not move, so that she could sleep. When the cat woke up, she was happy and played with him. After that, the cat came back every day, and Bip was not alone anymore.
fish,sea|Once upon a time, there was a small fish who lived in the sea. He was the smallest of all, and he thought that he could not do anything. One day, a big whale lost her ring between two rocks. Nobody could reach it. The small fish swam in and brought the ring out. "You are small, but you are a hero," said the whale. The small fish was very proud.
princess,horse|Once upon a time, there was a princess who had a white horse. The horse was very shy and ran away from people. The princess did not shout. Each day she sat in the grass with an apple in her hand and waited. At last, the horse came close and ate the apple. The princess smiled and touched his nose. Soon they rode through the forest together.
""".strip().splitlines()
